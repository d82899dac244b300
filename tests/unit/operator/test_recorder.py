"""Events: on changes only, counted when they repeat, never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpux_operator.engine.recorder import Recorder
from gpux_operator.kube.api import EVENTS
from gpux_operator.kube.errors import Transient

if TYPE_CHECKING:
    from datetime import datetime

    from tests.unit.operator.conftest import FakeApi

MODEL = {"metadata": {"name": "m", "namespace": "ns", "uid": "u"}}


def status(reason: str, state: str = "False", message: str = "because") -> dict[str, Any]:
    return {
        "conditions": [
            {"type": kind, "status": state, "reason": reason, "message": message} for kind in ("Available", "Ready")
        ]
    }


def test_one_event_for_a_change_none_without(api: FakeApi, now: datetime) -> None:
    recorder = Recorder(api, "me", lambda: now)
    recorder.transitions(MODEL, {}, status("ImagePullFailed"))
    (event,) = api.of(EVENTS)
    assert (event["type"], event["reason"], event["message"], event["count"]) == (
        "Warning",
        "ImagePullFailed",
        "because",
        1,
    )
    assert event["involvedObject"]["uid"] == "u"
    assert event["reportingInstance"] == "me"
    recorder.transitions(MODEL, status("ImagePullFailed"), status("ImagePullFailed", message="another pod"))
    assert len(api.of(EVENTS)) == 1


def test_the_same_news_again_counts_up(api: FakeApi, now: datetime) -> None:
    recorder = Recorder(api, "me", lambda: now)
    for _ in range(3):
        recorder.transitions(MODEL, status("Serving", "True"), status("OOMKilled"))
    (event,) = api.of(EVENTS)
    assert event["count"] == 3


def test_the_next_crash_of_a_loop_counts_up_with_its_own_message(api: FakeApi, now: datetime) -> None:
    recorder = Recorder(api, "me", lambda: now)
    for number in (1, 2):
        recorder.transitions(MODEL, status("PodsNotReady"), status("CrashLoopBackOff", message=f"{number} restarts"))
    (event,) = api.of(EVENTS)
    assert (event["count"], event["message"]) == (2, "2 restarts")


def test_another_generation_s_news_is_another_event(api: FakeApi, now: datetime) -> None:
    recorder = Recorder(api, "me", lambda: now)
    for generation in (1, 2):
        after = status("SampleFailed", message=f"of {generation}")
        for item in after["conditions"]:
            item["observedGeneration"] = generation
        recorder.transitions(MODEL, {}, after)
    assert [event["message"] for event in api.of(EVENTS)] == ["of 1", "of 2"]


def test_progress_is_no_warning(api: FakeApi, now: datetime) -> None:
    Recorder(api, "me", lambda: now).transitions(MODEL, status("Serving", "True"), status("ModelDownloading"))
    assert [event["type"] for event in api.of(EVENTS)] == ["Normal"]


def test_how_every_model_begins_is_no_news(api: FakeApi, now: datetime) -> None:
    Recorder(api, "me", lambda: now).transitions(MODEL, {}, status("WaitingForKServe", "Unknown"))
    assert api.of(EVENTS) == []


def test_an_event_that_cannot_be_posted_does_no_harm(api: FakeApi, now: datetime) -> None:
    def fail(_: int, __: str) -> None:
        raise Transient("down")

    api.before = fail
    Recorder(api, "me", lambda: now).transitions(MODEL, {}, status("OOMKilled"))
