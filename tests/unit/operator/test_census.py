"""Models are counted by what their last pass found."""

from datetime import UTC, datetime, timedelta

import pytest

from gpux_operator.adapters.metrics import Metrics
from gpux_operator.engine.census import Census
from gpux_operator.engine.outcome import Outcome
from gpux_operator.engine.queue import Key

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
A, B = Key("ns", "a"), Key("ns", "b")


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def census(clock: Clock) -> Census:
    return Census(clock)


def test_models_are_counted_by_result_and_reason(census: Census) -> None:
    census.saw(A, Outcome("progressing", "PodsNotReady"))
    census.saw(B, Outcome("progressing", "PodsNotReady"))
    assert census.counts() == {("progressing", "PodsNotReady"): 2}
    census.saw(A, Outcome("ready", "NewestGenerationServes"))
    assert census.counts() == {("progressing", "PodsNotReady"): 1, ("ready", "NewestGenerationServes"): 1}


@pytest.mark.parametrize("end", ["gone", "deleting"])
def test_models_that_are_gone_are_not_counted(census: Census, end: str) -> None:
    census.saw(A, Outcome("problem", "InvalidSpec"))
    census.saw(A, Outcome(end))
    assert census.counts() == {}
    assert census.unready_seconds() == {}


@pytest.mark.parametrize("end", ["error", "bug", "conflict"])
def test_a_pass_that_failed_says_nothing_of_the_model(census: Census, end: str) -> None:
    census.saw(A, Outcome(end, "Transient"))
    assert census.counts() == {}
    assert census.unready_seconds() == {}
    census.saw(A, Outcome("ready", "NewestGenerationServes"))
    census.saw(A, Outcome(end, "Transient"))
    assert census.counts() == {("ready", "NewestGenerationServes"): 1}


def test_the_longest_wait_counts_and_survives_another_reason(census: Census, clock: Clock) -> None:
    census.saw(A, Outcome("progressing", "Unschedulable", since=NOON - timedelta(hours=1)))
    census.saw(B, Outcome("progressing", "Unschedulable"))
    clock.now += timedelta(minutes=5)
    assert census.unready_seconds() == {"Unschedulable": 3900}
    census.saw(A, Outcome("progressing", "ImagePullFailed", since=clock.now))
    assert census.unready_seconds() == {"ImagePullFailed": 3900, "Unschedulable": 300}
    census.saw(A, Outcome("ready", "NewestGenerationServes"))
    assert census.unready_seconds() == {"Unschedulable": 300}


@pytest.mark.parametrize("intended", ["Suspended", "Stopped"])
def test_a_model_that_is_not_meant_to_run_does_not_wait(census: Census, clock: Clock, intended: str) -> None:
    began = NOON - timedelta(days=9)
    census.saw(A, Outcome("progressing", intended, since=began))
    assert census.unready_seconds() == {}
    assert census.counts() == {("progressing", intended): 1}
    clock.now += timedelta(hours=1)
    census.saw(A, Outcome("progressing", "RolloutInProgress", since=began))  # Ready was False all the time
    clock.now += timedelta(minutes=1)
    census.saw(A, Outcome("progressing", "PodsNotReady", since=began))
    clock.now += timedelta(minutes=1)
    assert census.unready_seconds() == {"PodsNotReady": 120}
    census.saw(A, Outcome("progressing", intended, since=began))
    assert census.unready_seconds() == {}
    census.saw(A, Outcome("progressing", "PodsNotReady", since=began))
    assert census.unready_seconds() == {"PodsNotReady": 0}


@pytest.mark.parametrize("end", ["ready", "gone"])
def test_what_was_suspended_once_waits_as_any_other_later(census: Census, end: str) -> None:
    census.saw(A, Outcome("progressing", "Suspended"))
    census.saw(A, Outcome(end))
    census.saw(A, Outcome("progressing", "PodsNotReady", since=NOON - timedelta(hours=1)))
    assert census.unready_seconds() == {"PodsNotReady": 3600}


def test_the_metrics_are_those_of_who_leads(census: Census) -> None:
    metrics, terms = Metrics(), [census]
    census.saw(A, Outcome("problem", "InvalidSpec"))
    metrics.serve(0, lambda: 0, lambda: True, lambda: terms[-1] if terms else None)
    labels = {"result": "problem", "reason": "InvalidSpec"}
    assert metrics.registry.get_sample_value("gpux_operator_models", labels) == 1
    assert metrics.registry.get_sample_value("gpux_operator_models_unready_seconds", {"reason": "InvalidSpec"}) == 0
    terms.clear()
    assert metrics.registry.get_sample_value("gpux_operator_models", labels) is None
