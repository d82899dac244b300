"""Timing different runs in rounds, so that what disturbs one round is seen as noise and not as the time of one of them."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

ROUNDS = 9
_SECONDS, _RUNS = 0.03, 3
"""Spent on one kind of run in one round, and runs at least."""
LEAST_NOISE = 0.05
"""Differences below this are never taken for real: other processes, clocks and caches make as much from one start to the next."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Timing:
    """One kind of run.

    Attributes:
        seconds: the median of the rounds, and of each round the fastest run: noise only ever adds.
        noise: how far the middle half of the rounds lies apart, as a share of the median.
    """

    seconds: float
    noise: float


def measure(
    runs: Mapping[Key, Callable[[], object]], rounds: int = ROUNDS, clock: Callable[[], float] = time.perf_counter
) -> dict[Key, Timing]:
    """Times each kind of run once a round.

    Args:
        runs: by whatever tells them apart.
        rounds: at least 2.
        clock: seconds, rising.
    """
    found: dict[Key, list[float]] = {key: [] for key in runs}
    for run in runs.values():
        run()  # the first one allocates
    for _ in range(rounds):
        for key, run in runs.items():
            found[key].append(_fastest(run, clock))
    return {key: _timing(seconds) for key, seconds in found.items()}


def _fastest(run: Callable[[], object], clock: Callable[[], float]) -> float:
    fastest, runs, spent = float("inf"), 0, 0.0
    while runs < _RUNS or spent < _SECONDS:
        started = clock()
        run()
        took = clock() - started
        fastest, runs, spent = min(fastest, took), runs + 1, spent + took
    return max(fastest, 1e-7)


def _timing(seconds: list[float]) -> Timing:
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(median, (high - low) / median)
