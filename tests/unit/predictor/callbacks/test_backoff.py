"""When the next attempt is, and what an answer means."""

from email.utils import formatdate
from itertools import pairwise

import pytest

from gpux_predictor.callbacks.backoff import JITTER, SCHEDULE, Backoff, retry_after
from gpux_predictor.callbacks.outcome import Outcome, answered

DAY = 86400.0
LONG = Backoff(max_attempts=10, window=30 * DAY)
NOW = 1_700_000_000.0


def starts(backoff: Backoff, chance: float) -> list[float]:
    """Seconds after the task's end at which attempts begin, if all fail at once."""
    times = [0.0]
    while (wait := backoff.delay(len(times), times[-1], lambda: chance)) is not None:
        times.append(times[-1] + wait)
    return times


def test_the_specifications_schedule() -> None:
    assert starts(LONG, 0.0) == [0, 5, 305, 2105, 9305, 27305, 63305, 113705, 185705, 272105]


def test_jitter_only_lengthens() -> None:
    for early, late in zip(pairwise(starts(LONG, 0.0)), pairwise(starts(LONG, 0.999)), strict=True):
        short, long = (end - begin for begin, end in (early, late))
        assert short < long < short * (1 + JITTER)


@pytest.mark.parametrize(("window", "attempts"), [(1, 1), (5, 2), (3600, 4), (DAY, 7), (4 * DAY, 10), (365 * DAY, 10)])
def test_no_attempt_begins_after_the_result_has_expired(window: float, attempts: int) -> None:
    assert len(starts(Backoff(10, window), 0.0)) == attempts
    assert all(begin <= window for begin in starts(Backoff(10, window), 0.999))


@pytest.mark.parametrize(("most", "attempts"), [(1, 1), (3, 3), (10, 10), (99, len(SCHEDULE) + 1)])
def test_max_attempts(most: int, attempts: int) -> None:
    assert len(starts(Backoff(most, 365 * DAY), 0.0)) == attempts


def test_retry_after_lengthens_a_wait_and_never_shortens_it() -> None:
    assert LONG.delay(1, 0, lambda: 0.0, retry_after=60) == 60
    assert LONG.delay(1, 0, lambda: 0.0, retry_after=1) == 5
    assert LONG.delay(2, 5, lambda: 0.0, retry_after=0) == 300
    assert Backoff(10, 3600).delay(1, 10, lambda: 0.0, retry_after=3591) is None
    assert Backoff(10, 3600).delay(1, 10, lambda: 0.0, retry_after=1e10) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0),
        ("120", 120),
        ("9" * 4000, 9999999999),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        ("Tue, 14 Nov 2023 22:13:30 -0000", 10),
        ("Wed, 31 Feb 2023 00:00:00 GMT", None),
        ("Tue, 14 Nov 99999 22:13:30 GMT", None),
    ],
)
def test_retry_after_header(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "outcome", "asked"),
    [
        (200, Outcome.DELIVERED, None),
        (204, Outcome.DELIVERED, None),
        (299, Outcome.DELIVERED, None),
        (101, Outcome.RETRY, None),
        (301, Outcome.RETRY, None),
        (307, Outcome.RETRY, None),
        (400, Outcome.RETRY, None),
        (404, Outcome.RETRY, None),
        (410, Outcome.FAILED, None),
        (429, Outcome.RETRY, 7.0),
        (500, Outcome.RETRY, None),
        (503, Outcome.RETRY, 7.0),
        (599, Outcome.RETRY, None),
        (999, Outcome.RETRY, None),
    ],
)
def test_what_an_answer_means(status: int, outcome: Outcome, asked: float | None) -> None:
    sent = answered(status, "7", NOW)
    assert (sent.outcome, sent.status, sent.retry_after) == (outcome, status, asked)
    assert str(status) in sent.reason
