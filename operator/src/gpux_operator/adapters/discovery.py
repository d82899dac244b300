"""Notices kinds that come or go while the operator runs: KServe may be installed after it.

Asking the API server's discovery needs no right on CustomResourceDefinitions.
"""

import logging
import threading
from collections.abc import Callable

from gpux_operator.engine.supported import complaint
from gpux_operator.kube.api import GPUX_MODELS, INFERENCE_SERVICES, KubeApi, Resource
from gpux_operator.kube.errors import ApiError, Forbidden

_log = logging.getLogger(__name__)
_WHILE_MISSING, _OTHERWISE = 5.0, 60.0
_WATCHED = (GPUX_MODELS, INFERENCE_SERVICES)


class Discovery:
    """Calls `changed` whenever the set of served kinds is another one than before."""

    def __init__(self, api: KubeApi, changed: Callable[[], None]) -> None:
        self._api = api
        self._changed = changed
        self._wake = threading.Event()
        self._stopped = False
        self._served: frozenset[Resource] | None = None

    def run(self) -> None:
        """Until `stop`."""
        told = False
        while not self._stopped:
            told = told or self.tell_version()
            complete = self.once()
            self._wake.wait(_OTHERWISE if complete else _WHILE_MISSING)
            self._wake.clear()

    def tell_version(self) -> bool:
        """Says if the cluster is too old. Returns whether its version could be asked for."""
        try:
            version = self._api.version()
        except Forbidden:  # somebody took system:public-info-viewer away
            return True
        except ApiError as error:
            _log.info("cannot ask for the cluster's version: %s", error)
            return False
        if (wrong := complaint(version)) is not None:
            _log.error("%s", wrong)
        return True

    def once(self) -> bool:
        """One look. Returns whether all kinds are served."""
        try:
            served = frozenset(resource for resource in _WATCHED if self._api.serves(resource))
        except ApiError as error:
            _log.info("cannot ask which kinds there are: %s", error)
            return False
        if self._served is None and served != frozenset(_WATCHED):
            missing = ", ".join(sorted(f"{item.plural}.{item.group}" for item in _WATCHED if item not in served))
            _log.warning("the cluster does not serve %s yet: waiting for it", missing)
        if self._served is not None and served != self._served:
            _log.info(
                "the cluster now serves %s", ", ".join(sorted(item.plural for item in served)) or "none of our kinds"
            )
            self._changed()
        self._served = served
        return len(served) == len(_WATCHED)

    def trigger(self) -> None:
        """A look now: watches that ended may have done so because their kind is gone."""
        self._wake.set()

    def stop(self) -> None:
        """End `run`."""
        self._stopped = True
        self._wake.set()
