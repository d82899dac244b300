"""Why a node cannot start a pod: from events, for those pods only that are stuck there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gpux_operator.build.metadata import POD_HASH
from gpux_operator.engine import troubles
from gpux_operator.kube.api import EVENTS
from gpux_operator.kube.errors import Forbidden, Transient
from gpux_operator.status import pods
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed
from gpux_operator.status.reasons import Reason

if TYPE_CHECKING:
    from tests.unit.operator.conftest import FakeApi

    from gpux_operator.engine.queue import Key

Manifest = dict[str, Any]
NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
INTENT = Intent("new", 1, True, {"type": "Recreate"})


def held_up(since: str = "2030-01-01T11:59:40Z", *, scheduled: bool = True, started: str | None = "False") -> Manifest:
    """A pod that its node has and cannot start."""
    conditions = [{"type": "PodScheduled", "status": str(scheduled)}, {"type": "Ready", "status": "False"}]
    conditions += [{"type": "PodReadyToStartContainers", "status": started}] if started else []
    state = {"waiting": {"reason": "ContainerCreating"}}
    return {
        "metadata": {"name": "p", "uid": "uid-p", "annotations": {POD_HASH: "new"}},
        "status": {
            "phase": "Pending",
            "startTime": since,
            "conditions": conditions,
            "containerStatuses": [{"name": "kserve-container", "state": state}],
        },
    }


def event(reason: str, message: str, at: str = "2030-01-01T11:59:50Z", uid: str = "uid-p", **more: Any) -> Manifest:
    return {
        "metadata": {"name": f"{reason}-{message[:9]}-{at}-{uid}", "namespace": "prod"},
        "involvedObject": {"uid": uid},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        **more,
    }


MISSING = event("FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "s" not found')


def seen(api: FakeApi, key: Key, *found: Manifest) -> Observed:
    return troubles.look(api, key, INTENT, Observed(pods=found), NOW)


@pytest.mark.parametrize(
    ("others", "words", "hint"),
    [
        ([], 'secret "s" not found', "(create it, or correct the spec that names it)"),
        ([event("FailedMount", "Unable to attach or mount volumes: timed out", "2030-01-01T11:59:59Z")], 'secret "s"', ""),
        ([event("Unhealthy", "x", "2030-01-01T11:59:59Z")], 'secret "s"', ""),
        ([event("FailedMount", "another pod's", "2030-01-01T11:59:59Z", "uid-q")], 'secret "s"', ""),
        ([event("FailedMount", "Mounted", "2030-01-01T11:59:59Z", type="Normal")], 'secret "s"', ""),
        (
            [event("FailedAttachVolume", "Multi-Attach error for volume", "2030-01-01T11:59:55Z")],
            "FailedAttachVolume: Multi-Attach error",
            "spec.rollout.strategy: Recreate",
        ),
        (
            [event("FailedCreatePodSandBox", "no network", "", eventTime="2030-01-01T11:59:58.000000Z")],
            "FailedCreatePodSandBox: no network",
            "",
        ),
    ],
)  # fmt: skip
def test_the_newest_that_says_most(api: FakeApi, key: Key, others: list[Manifest], words: str, hint: str) -> None:
    for item in (MISSING, *others):
        api.create(EVENTS, item)
    observed = seen(api, key, held_up())
    verdict = pods.worst(observed.pods, {}, observed.troubles)
    assert verdict is not None
    assert verdict.reason == Reason.POD_START_FAILED
    assert "the node of pod p cannot start it" in verdict.message
    assert words in verdict.message
    assert hint in verdict.message
    assert observed.look_again_seconds == 5.0


@pytest.mark.parametrize(
    ("volume", "advice"),
    [
        ("gpux-api-keys", 'kubectl create secret generic callers --from-literal=my-client="$(openssl rand -hex 32)"'),
        ("gpux-api-keys", "or correct spec.access.apiKeys.secretRef)"),
        ("gpux-tls", "kubectl create secret tls callers --cert=FILE --key=FILE"),
        ("gpux-tls", "or correct spec.access.tls.secretRef)"),
    ],
)
def test_a_missing_secret_of_access_says_how_to_make_it(api: FakeApi, key: Key, volume: str, advice: str) -> None:
    api.create(
        EVENTS, event("FailedMount", f'MountVolume.SetUp failed for volume "{volume}" : secret "callers" not found')
    )
    observed = seen(api, key, held_up())
    verdict = pods.worst(observed.pods, {}, observed.troubles)
    assert verdict is not None
    assert verdict.reason == Reason.POD_START_FAILED
    assert advice in verdict.message


@pytest.mark.parametrize(
    ("found", "again"),
    [
        (held_up("2030-01-01T11:59:55Z"), 2.0),
        (held_up(scheduled=False), None),
        (held_up(started="True"), None),
        (held_up(started=None), None),
        (held_up() | {"metadata": {"name": "p", "uid": "uid-p", "annotations": {POD_HASH: "old"}}}, None),
    ],
    ids=["a moment ago", "no node", "pulls its image", "an old kubelet", "an old version"],
)
def test_no_event_is_read_of_other_pods(api: FakeApi, key: Key, found: Manifest, again: float | None) -> None:
    api.create(EVENTS, MISSING)
    api.calls.clear()
    observed = seen(api, key, found)
    assert (observed.troubles, observed.look_again_seconds, api.calls) == ({}, again, [])


def test_without_the_permission_there_are_none(api: FakeApi, key: Key) -> None:
    def fail(error: Exception) -> None:
        def before(_: int, __: str) -> None:
            raise error

        api.before = before

    fail(Forbidden("events is forbidden"))
    assert seen(api, key, held_up()).troubles == {}
    fail(Transient("503"))
    with pytest.raises(Transient):
        seen(api, key, held_up())
