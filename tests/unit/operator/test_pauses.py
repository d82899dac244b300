"""Pauses that the API server asked for."""

import pytest

from gpux_operator.kube.errors import TooManyRequests
from gpux_operator.kube.pauses import Pauses


def test_a_request_waits_for_its_own_pause_only() -> None:
    now = [100.0]
    pauses = Pauses(300.0, lambda: now[0])
    pauses.begin("GET", "/a", 3)
    with pytest.raises(TooManyRequests) as refused:
        pauses.check("GET", "/a")
    assert refused.value.retry_after == 3
    pauses.check("PATCH", "/a")
    pauses.check("GET", "/b")
    now[0] += 3
    pauses.check("GET", "/a")
    pauses.begin("GET", "/b", 1e9)
    assert pauses._until == {("GET", "/b"): 403.0}, "what is over is forgotten, and none is longer than five minutes"
