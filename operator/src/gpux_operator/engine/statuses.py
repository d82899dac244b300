"""Writes statuses, without what an older CRD does not know: a platform team may upgrade it after the operator."""

import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from gpux_operator.build.metadata import Manifest
from gpux_operator.kube.api import GPUX_MODELS, KubeApi
from gpux_operator.kube.errors import Rejected

_log = logging.getLogger(__name__)
_UNDECLARED = re.compile(r"\.status\.([\w.]+): field not declared in schema")
"""How server-side apply refuses a field (structured-merge-diff, typed/validate.go)."""
AGAIN = timedelta(minutes=10)
"""After so long a field is tried again: the CRD may be newer by then."""
Path = tuple[str, ...]


class Statuses:
    """Writes statuses, and remembers which fields the CRD does not know.

    Args:
        api: the API server.
        clock: the time.
    """

    def __init__(self, api: KubeApi, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._clock = clock
        self._unknown: dict[Path, datetime] = {}

    def known(self, status: Manifest) -> Manifest:
        """The status without the fields that the CRD was found not to know, to be compared with what is stored."""
        now = self._clock()
        for path, since in list(self._unknown.items()):  # other threads may add some
            if now - since < AGAIN:
                status = _without(status, path)
        return status

    def write(self, model: Manifest) -> Manifest:
        """Applies the status of a model as far as the CRD knows its fields.

        Raises:
            ApiError: it is refused for another reason, or cannot be written now.
        """
        while True:
            try:
                return self._api.apply_status(GPUX_MODELS, model)
            except Rejected as error:
                less = self._less(model, str(error))
                if less == model:
                    raise
                model = less

    def _less(self, model: Manifest, refusal: str) -> Manifest:
        """The model without the fields of its status that the refusal names."""
        status = model["status"]
        for name in _UNDECLARED.findall(refusal):
            path = tuple(name.split("."))
            if path not in self._unknown:
                _log.warning(
                    "the CRD is older than this operator and does not know status.%s, which is left out: upgrade it with the chart",
                    name,
                )
            self._unknown[path] = self._clock()
            status = _without(status, path)
        return {**model, "status": status}


def _without(status: Manifest, path: Path) -> Manifest:
    first, *more = path
    if first not in status:
        return status
    if not more:
        return {name: value for name, value in status.items() if name != first}
    return {**status, first: _without(status[first], tuple(more))}
