"""Why KServe does not follow an InferenceService: from events, where it has not for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gpux_operator.build.metadata import MANAGER
from gpux_operator.engine import kserve_words
from gpux_operator.kube.api import EVENTS
from gpux_operator.kube.errors import Forbidden
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed

if TYPE_CHECKING:
    from tests.unit.operator.conftest import FakeApi

    from gpux_operator.engine.queue import Key

Manifest = dict[str, Any]
NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
INTENT = Intent("new", 1, True, {"type": "Recreate"})
LONG_NAME = "fails to create NewRawKubeReconciler for predictor: failed creating host name: invalid domain name"


def isvc(written: str = "2030-01-01T11:59:40Z", **annotations: str) -> Manifest:
    entry = {"manager": MANAGER, "operation": "Apply", "time": written}
    return {"metadata": {"name": "m", "uid": "isvc", "managedFields": [entry], "annotations": annotations}}


NO_KNATIVE = "It is not possible to use Knative deployment mode when Knative Services are not available"
RESTART = "it looks for Knative when it starts, so restart KServe's controller"


def event(message: str = LONG_NAME, at: str = "2030-01-01T11:59:50Z", **more: Any) -> Manifest:
    return {
        "metadata": {"name": f"{message[:9]}-{at}", "namespace": "prod"},
        "involvedObject": {"uid": "isvc"},
        "type": "Warning",
        "reason": "InternalError",
        "message": message,
        "lastTimestamp": at,
        **more,
    }


def deployment(pod_hash: str) -> Manifest:
    annotations = {"gpux.io/pod-hash": pod_hash}
    spec = {"replicas": 1, "strategy": {"type": "Recreate"}, "template": {"metadata": {"annotations": annotations}}}
    owner = {"controller": True, "uid": "isvc"}
    metadata = {"generation": 1, "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": spec, "status": {"observedGeneration": 1}}


@pytest.mark.parametrize(
    ("observed", "told", "words"),
    [
        (Observed(isvc()), [event()], LONG_NAME),
        (Observed(isvc()), [event("older", "2030-01-01T11:59:45Z"), event()], LONG_NAME),
        (Observed(isvc(), deployment("old")), [event()], LONG_NAME),
        (Observed(isvc(), deployment("new")), [event()], None),
        (Observed(isvc("2030-01-01T11:59:51Z")), [event()], None),
        (Observed(isvc("2030-01-01T11:59:59Z")), [event(at="2030-01-01T11:59:59Z")], None),
        (Observed(isvc()), [event(NO_KNATIVE, reason="ServerlessModeRejected")], f"{NO_KNATIVE}: {RESTART}"),
        (Observed(isvc()), [event(reason="UpdateFailed")], None),
        (Observed(isvc()), [event("Operation cannot be fulfilled: the object has been modified; try again")], None),
        (Observed(isvc(**{"serving.kserve.io/stop": "true"})), [event()], None),
        (Observed(), [event()], None),
        (Observed(isvc()), [], None),
    ],
    ids=[
        "nothing was made",
        "the newest",
        "an update failed",
        "it followed",
        "of what was before",
        "a moment ago",
        "KServe began before Knative",
        "another reason",
        "tried again at once",
        "stopped",
        "no InferenceService",
        "silent",
    ],
)
def test_the_words_of_a_failure_that_stands(
    api: FakeApi, key: Key, observed: Observed, told: list[Manifest], words: str | None
) -> None:
    for item in told:
        api.store(EVENTS, item)
    assert kserve_words.look(api, key, INTENT, observed, NOW).kserve_trouble == words


def test_it_is_looked_at_again_less_and_less_often(api: FakeApi, key: Key) -> None:
    pauses = [
        kserve_words.look(api, key, INTENT, Observed(isvc(at)), NOW).look_again_seconds
        for at in ("2030-01-01T11:59:59Z", "2030-01-01T11:59:40Z", "2030-01-01T11:00:00Z")
    ]
    assert pauses == [10, 20, 300]


def test_without_the_permission_nothing_is_told(api: FakeApi, key: Key) -> None:
    def refuse(number: int, verb: str) -> None:
        raise Forbidden("events is forbidden")

    api.before = refuse
    assert kserve_words.look(api, key, INTENT, Observed(isvc()), NOW).kserve_trouble is None
