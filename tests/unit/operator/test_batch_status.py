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
        ([pod("a", SIX)], "pod a: Evicted"),
        (
            [pod("of the run before", FIVE, "no such table")],
            "no pod of it is left; it was deleted, or took longer than spec.batch.activeDeadlineSeconds (3600)",
        ),
    ],
    ids=["the newest pod", "evicted", "none left"],
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


FAILED = {"type": "BatchSucceeded", "status": "False", "reason": "BatchRunFailed"}
SUCCEEDED = {"type": "BatchSucceeded", "status": "True", "reason": "BatchRunSucceeded", "message": "said"}


def running(since: str, succeeded: str) -> Manifest:
    """A status that was written while a run went on."""
    times = {"lastScheduleTime": since, "lastSuccessfulTime": succeeded, "running": True}
    return {"batch": times, "conditions": [SUCCEEDED]}


@pytest.mark.parametrize("active", [[], RUN], ids=["over", "the next one runs"])
@pytest.mark.parametrize("succeeded", [FIVE, SEVEN], ids=["late", "begun before the one before it had succeeded"])
def test_a_run_that_was_seen_and_has_no_success_behind_it_has_failed(active: list[Manifest], succeeded: str) -> None:
    """A run that was missed while another went on begins at once, in one update, and carries an earlier time than that one's success."""
    told = cron_job(lastScheduleTime=SEVEN if active else SIX, lastSuccessfulTime=succeeded, active=active)
    before = running(SIX, succeeded)
    found = batch.verdict(told, [pod("a", SIX, "no such table")], before)
    assert (found.status, found.message) == (
        "False",
        f"the run scheduled for {SIX} ended without a result: pod a: exit code 1: no such table",
    )
    later: Manifest = {"batch": batch.status(told).model_dump(mode="json", by_alias=True, exclude_none=True)}
    later["conditions"] = [{**FAILED, "message": found.message}]
    assert batch.verdict(told, (), later) == found, "it stays, though its pods have gone"
    by_hand = cron_job(lastScheduleTime=SIX, lastSuccessfulTime="2030-01-02T09:00:00Z")
    assert batch.verdict(by_hand, (), later).status == "True"


def test_a_run_that_succeeded_has_not_failed_before_its_time_is_written() -> None:
    """Kubernetes before 1.31 writes it an update later."""
    told = cron_job(lastScheduleTime=SIX, lastSuccessfulTime=FIVE)
    done = [pod("a", SIX, "no such table"), pod("b", SEVEN, phase="Succeeded")]
    assert batch.verdict(told, done, running(SIX, FIVE)).message == "said"


def test_after_an_upgrade_amid_a_run_the_last_success_counts() -> None:
    found = batch.verdict(cron_job(lastScheduleTime=SIX, lastSuccessfulTime=FIVE, active=RUN), (), {})
    assert (found.status, found.message) == ("True", f"the last run succeeded at {FIVE}")


def test_the_times() -> None:
    found = batch.status(cron_job(lastScheduleTime=SIX, lastSuccessfulTime=FIVE, active=RUN))
    assert found.model_dump(mode="json", by_alias=True) == {
        "lastScheduleTime": SIX,
        "lastSuccessfulTime": FIVE,
        "running": True,
    }
