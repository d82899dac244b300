"""An API server that refuses for a while: its pauses are kept, no status lies, and everything comes about afterwards."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from testcluster.proxy import Refusal
from testcluster.waiting import SOON, consistently, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.operator.conftest import Models, Operator

    from testcluster.proxy import ApiProxy, Asked

REFUSED_SECONDS, PAUSE_SECONDS = 10.0, 3
MOST_TRIES = 12
"""Of one request in that time: eight passes, after 0.1 s and doubled each time, two reports of failures, and what events add."""
AT_ONCE_SECONDS = 0.5
"""Two workers may have sent the same request before either is refused; a pause that is not kept is tried at 0.8 and 1.6 s, too."""
BUSY = Refusal(429, "TooManyRequests", {"Retry-After": str(PAUSE_SECONDS)})
AWAY, BROKEN = Refusal(503, "ServiceUnavailable"), Refusal(500, "InternalError")
REQUESTS: dict[str, Callable[[Asked], bool]] = {
    "reads": lambda asked: asked.method == "GET" and not asked.watch,
    "writes": lambda asked: asked.method != "GET" and not asked.path.endswith("/status"),
    "status": lambda asked: asked.path.endswith("/status"),
}
pytestmark = pytest.mark.usefixtures("kserve")


class Refusals:
    """Refuses some requests, and keeps which."""

    def __init__(self, refusal: Refusal, requests: str) -> None:
        self._refusal = refusal
        self._requests = REQUESTS[requests]
        self.given: list[Asked] = []

    def __call__(self, asked: Asked) -> Refusal | None:
        if not self._requests(asked):
            return None
        self.given.append(asked)
        return self._refusal

    def by_request(self) -> dict[tuple[str, str], list[float]]:
        """When each was asked, by method and path."""
        times: dict[tuple[str, str], list[float]] = {}
        for asked in self.given:
            times.setdefault((asked.method, asked.path), []).append(asked.at)
        return times


def is_honest(models: Models) -> bool:
    """Ready of the newest generation is only said of what is there."""
    ready, model = models.condition("Ready"), models.get()
    if (ready["status"], ready["observedGeneration"]) != ("True", model["metadata"]["generation"]):
        return True
    predictor = models.has_isvc()["spec"]["predictor"]
    return bool(predictor.get("nodeSelector") == {"zone": "a"})


@pytest.mark.parametrize("requests", list(REQUESTS))
@pytest.mark.parametrize("refusal", [BUSY, AWAY, BROKEN], ids=lambda refusal: str(refusal.code))
def test_refused_for_a_while(
    proxied: Operator, proxy: ApiProxy, models: Models, refusal: Refusal, requests: str
) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    refusals = Refusals(refusal, requests)
    proxy.refuse = refusals
    models.apply(serving={"nodeSelector": {"zone": "a"}})
    models.apply("new")
    consistently(lambda: is_honest(models), REFUSED_SECONDS, "the status does not lie")
    proxy.refuse = lambda asked: None
    assert refusals.given
    for (method, path), times in refusals.by_request().items():
        assert len(times) <= MOST_TRIES, times
        if refusal is BUSY and (method, path.rpartition("/")[2]) != (
            "POST",
            "events",
        ):  # of two models, perhaps at once
            gaps = [later - earlier for earlier, later in pairwise(times)]
            assert all(gap < AT_ONCE_SECONDS or gap > PAUSE_SECONDS - 0.1 for gap in gaps), times
    for name in ("m", "new"):
        models.becomes("NewestGenerationServes", name, timeout=SOON)
    eventually(lambda: len(models.config_maps()) == 1, SOON, "the old ConfigMap is gone")
