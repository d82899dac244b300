"""Looks at every model now and then: events can get lost, a list cannot."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable

from gpux_operator.engine.queue import Key, KeyQueue
from gpux_operator.kube.api import GPUX_MODELS, KubeApi
from gpux_operator.kube.errors import ApiError

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0
_JITTER = 0.1
OUTAGE_SECONDS = 300.0
"""An API server may be away for so long, and a restart of the operator would not help."""


class Resync:
    """Lists the models in the namespaces (None: everywhere) and queues them all, and those that are known and not there any more."""

    def __init__(
        self,
        api: KubeApi,
        queue: KeyQueue,
        namespaces: Iterable[str | None],
        period: float,
        known: Callable[[], Iterable[Key]] = lambda: (),
    ) -> None:
        self._api = api
        self._queue = queue
        self._namespaces = tuple(namespaces)
        self._period = period
        self._known = known
        self._wake = threading.Event()
        self._stopped = False
        self._started = time.monotonic()
        self._succeeded: float | None = None

    def run(self) -> None:
        """Until `stop`."""
        while not self._stopped:
            pause = self._period * random.uniform(1 - _JITTER, 1 + _JITTER) if self.once() else _RETRY_SECONDS  # noqa: S311
            self._wake.wait(pause)
            self._wake.clear()

    def once(self) -> bool:
        """One round. Returns whether the list could be read."""
        listed = set()
        try:
            for namespace in self._namespaces:
                for model in self._api.list(GPUX_MODELS, namespace):
                    listed.add(key := Key(model["metadata"]["namespace"], model["metadata"]["name"]))
                    self._queue.add_idle(key)
        except ApiError as error:
            _log.warning("cannot list the models: %s", error)
            return False
        for key in set(self._known()) - listed:  # its deletion may have been missed
            self._queue.add_idle(key)
        self._succeeded = time.monotonic()
        return True

    def trigger(self) -> None:
        """A round now."""
        self._wake.set()

    def stop(self) -> None:
        """End `run`."""
        self._stopped = True
        self._wake.set()

    @property
    def done_once(self) -> bool:
        """Whether all models were seen at least once."""
        return self._succeeded is not None

    def overdue(self, periods: float = 3.0) -> bool:
        """Whether no round succeeded for that many periods, and for longer than an outage."""
        since = self._succeeded if self._succeeded is not None else self._started
        return time.monotonic() - since > max(self._period * periods, OUTAGE_SECONDS)
