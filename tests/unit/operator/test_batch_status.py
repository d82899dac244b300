"""What a CronJob's status says of its runs; the controller that writes it is in tests/integration/operator/test_batch.py."""

from __future__ import annotations

from typing import Any

import pytest

from gpux_operator.status import batch

Manifest = dict[str, Any]
FIVE, SIX, SEVEN = (f"2030-01-02T0{hour}:00:00Z" for hour in (5, 6, 7))
RUN = [{"kind": "Job", "name": "m-1"}]


def cron_job(**status: Any) -> Manifest:
    return {"spec": {"jobTemplate": {"spec": {"activeDeadlineSeconds": 3600}}}, "status": status}


def pod(name: str, created: str, message: str = "", phase: str = "Failed") -> Manifest:
    ended = {"terminated": {"exitCode": 1, "message": message}} if message else {}
    return {
        "metadata": {"name": name, "creationTimestamp": created},
        "status": {"phase": phase, "reason": "Evicted", "containerStatuses": [{"state": ended}]},
    }


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (None, ("Unknown", "NoBatchRunYet", "no run has begun yet")),
        (cron_job(), ("Unknown", "NoBatchRunYet", "no run has begun yet")),
        (cron_job(lastScheduleTime=FIVE, active=RUN), ("Unknown", "NoBatchRunYet", "the first run has not ended yet")),
        (
            cron_job(lastScheduleTime=FIVE, lastSuccessfulTime=SIX),
            ("True", "BatchRunSucceeded", f"the last run succeeded at {SIX}"),
        ),
        (cron_job(lastSuccessfulTime=SIX), ("True", "BatchRunSucceeded", f"the last run succeeded at {SIX}")),
    ],
    ids=["no CronJob", "no run", "the first one runs", "succeeded", "by hand only"],
)
def test_what_is_said(job: Manifest | None, expected: tuple[str, str, str]) -> None:
    found = batch.verdict(job, (), {})
    assert (found.status, str(found.reason), found.message) == expected


@pytest.mark.parametrize(
    ("pods", "why"),
    [
        ([pod("a", SIX, "no such table"), pod("b", SEVEN, "no such bucket")], "pod b: exit code 1: no such bucket"),
        ([pod("a", SIX, "no such table"), pod("b", SEVEN, phase="Succeeded")], "pod a: exit code 1: no such table"),
        ([pod("a", SIX)], "pod a: Evicted"),
        (
            [pod("of the run before", FIVE, "no such table")],
            "no pod of it is left, so it took longer than spec.batch.activeDeadlineSeconds (3600), or was deleted",
        ),
    ],
    ids=["the newest pod", "of those that failed", "evicted", "none left"],
)
def test_a_run_without_a_success_behind_it_has_failed(pods: list[Manifest], why: str) -> None:
    found = batch.verdict(cron_job(lastScheduleTime=SIX, lastSuccessfulTime=FIVE), pods, {})
    assert (found.status, str(found.reason)) == ("False", "BatchRunFailed")
    assert found.message == f"the run scheduled for {SIX} ended without a result: {why}"


@pytest.mark.parametrize(("status", "reason"), [("True", "BatchRunSucceeded"), ("False", "BatchRunFailed")])
def test_while_a_run_goes_on_what_was_said_before_it_holds(status: str, reason: str) -> None:
    before = {"conditions": [{"type": "BatchSucceeded", "status": status, "reason": reason, "message": "said"}]}
    found = batch.verdict(cron_job(lastScheduleTime=SIX, lastSuccessfulTime=FIVE, active=RUN), (), before)
    assert (found.status, str(found.reason), found.message) == (status, reason, "said")


def test_the_times() -> None:
    found = batch.status(cron_job(lastScheduleTime=SIX, lastSuccessfulTime=FIVE, active=RUN))
    assert found.model_dump(mode="json", by_alias=True) == {
        "lastScheduleTime": SIX,
        "lastSuccessfulTime": FIVE,
        "running": True,
    }
