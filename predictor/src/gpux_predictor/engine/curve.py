"""What a batch costs: t(b), measured at warm-up, and the batch limit and the rate that follow from it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

_ENOUGH = 0.98
"""A batch limit is the smallest that reaches this share of the best rate: beyond the knee only memory and latency grow."""
_GAIN = 1.02
"""Measuring stops once two steps in a row bring less than this."""


class Stop(Exception):
    """Larger batches do not run."""


@dataclass(frozen=True)
class Point:
    """A run of `rows` samples took `seconds`."""

    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Samples a second."""
        return self.rows / self.seconds


@dataclass(frozen=True)
class Curve:
    """The measured points, by rising rows; never empty.

    Attributes:
        elements: elements of one sample of the measurement, over all inputs; at least 1.
    """

    points: tuple[Point, ...]
    elements: int

    @property
    def limit(self) -> int:
        """The batch limit in rows: the knee of the curve."""
        best = max(point.rate for point in self.points)
        return next(point.rows for point in self.points if point.rate >= _ENOUGH * best)

    def seconds(self, rows: int) -> float:
        """The time of a run of `rows` samples: between points linear, beyond the last at its rate."""
        before = self.points[0]
        if rows <= before.rows:
            return before.seconds
        for point in self.points[1:]:
            if rows <= point.rows:
                share = (rows - before.rows) / (point.rows - before.rows)
                return before.seconds + share * (point.seconds - before.seconds)
            before = point
        return before.seconds * rows / before.rows

    def describe(self) -> list[dict[str, float]]:
        """As /info shows it."""
        return [
            {
                "batch": point.rows,
                "milliseconds": round(point.seconds * 1e3, 4),
                "per_second": round(point.rate, 1),
            }
            for point in self.points
        ]


def measure(
    run: Callable[[int], object],
    most: int,
    budget_seconds: float,
    clock: Callable[[], float] = time.perf_counter,
    step: int = 2,
) -> tuple[Point, ...]:
    """Times runs of 1, 2, 4, … rows (1, 4, 16, … with a step of 4) until more rows bring nothing, `most` is reached or the time is up.

    The first run of each size is not counted: it allocates. Of the others the fastest counts; noise only ever adds.

    Args:
        run: runs that many rows.
        most: the largest batch, at least 1.
        budget_seconds: for all of it; one size is always measured.
        clock: seconds, rising.
        step: from one size to the next.

    Raises:
        PredictorError: what `run` raises. `Stop` ends the curve before the rows that raised it, if they are not the first.
    """
    deadline = clock() + budget_seconds
    points: list[Point] = []
    stale, rows = 0, 1
    while rows <= most:
        try:
            points.append(Point(rows, _fastest(partial(run, rows), deadline, clock)))
        except Stop:
            break
        best_before = max((point.rate for point in points[:-1]), default=0.0)
        stale = stale + 1 if points[-1].rate < _GAIN * best_before else 0
        if stale == 2 or clock() + 4 * points[-1].seconds > deadline:
            break
        rows = most if rows < most < step * rows else step * rows
    return tuple(points)


def _fastest(run: Callable[[], object], deadline: float, clock: Callable[[], float]) -> float:
    run()
    fastest, runs, spent = float("inf"), 0, 0.0
    while runs < 3 or (spent < 0.006 and runs < 30):
        started = clock()
        run()
        took = clock() - started
        fastest, runs, spent = min(fastest, took), runs + 1, spent + took
        if clock() > deadline:
            break
    return max(fastest, 1e-7)
