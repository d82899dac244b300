"""Whether a request can be answered in time, before it costs anything."""

import math

from gpux_predictor.errors import TooManyRequests

SAFETY = 0.8
"""The share of a request's time that waiting and running may be expected to take: estimates err."""
_SLOWER, _FASTER = 0.5, 0.1
"""The weight of the newest measurement, where it is above what was expected and below: a refusal too many costs less than a
backlog that misses its deadlines."""


class Pace:
    """How long work takes against what the warm-up measured: other work on the machine, other shapes.

    Attributes:
        factor: measured over expected; 1 until something was measured.
        seconds: of a run of which nothing was expected; 0 until there was one.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self.seconds = 0.0

    def learn(self, expected: float, took: float) -> None:
        """Takes a finished run in, in seconds; the first of which nothing was expected says what to expect."""
        if expected <= 0:
            self.seconds = took
        else:
            ratio = min(max(took / expected, 0.05), 20.0)
            self.factor += (_SLOWER if ratio > self.factor else _FASTER) * (ratio - self.factor)


def admit(wait: float, run: float, remaining: float, waiting: int, most_waiting: int | None) -> None:
    """Refuses a request that would not be answered in time.

    Args:
        wait: seconds until its run can begin, as expected.
        run: seconds of its run, as expected.
        remaining: seconds until its deadline.
        waiting: requests that wait already.
        most_waiting: `runtime.queue.maxRequests`, None for no limit but time.

    Raises:
        TooManyRequests: with the seconds after which the backlog has gone far enough.
    """
    if most_waiting is not None and waiting >= most_waiting:
        later = max(1, math.ceil(wait / 2))
        raise TooManyRequests(
            f"{waiting} requests wait already (runtime.queue.maxRequests): try again in {later} s", later
        )
    allowed = SAFETY * remaining
    if wait > 0 and wait + run > allowed:
        later = max(1, math.ceil(wait + run - allowed))
        raise TooManyRequests(
            f"The requests before this one take {wait:.1f} s, too long for its deadline: try again in {later} s", later
        )
