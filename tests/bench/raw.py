"""What onnxruntime does without a server: the ceiling that the servers are held against."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .models import Feeds, Model, decoded
from .peers.common import padded, session

BATCHES = (1, 2, 4, 8, 16, 32)


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """This thread, in which a session with one thread runs, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(model: Model, seconds: float, core: int) -> dict[str, Any]:
    """Samples a second by batch size, and the median milliseconds of one.

    Returns:
        `rates`: by batch size; `p50`: milliseconds at batch 1; `mixed`: rates over the samples of many lengths, each batch
        of neighbours in length, padded; `decode`: milliseconds of a JPEG, where the model has some.
    """
    running = session(str(model.file))

    def run(feeds: Feeds) -> None:
        running.run(None, feeds)

    share = seconds / len(BATCHES)
    with pinned(core):
        rates, p50 = {}, 0.0
        for size in BATCHES:
            times = timed(run, batches(model.feeds, size), share)
            rates[str(size)] = size * len(times) / sum(times)
            p50 = p50 or statistics.median(times) * 1000
        found: dict[str, Any] = {"rates": rates, "p50": p50}
        if model.mixed:
            found["mixed"] = {str(size): _mixed_rate(run, model.mixed, size, share) for size in (1, 4, 8, 16)}
        if model.photos:
            found["decode"] = statistics.median(timed(decoded, model.photos, share)) * 1000
    return found


def _mixed_rate(run: Callable[[Feeds], None], samples: Sequence[Feeds], size: int, seconds: float) -> float:
    """Whole passes over the samples only: a part of one would not have their mean length."""
    ordered = sorted(samples, key=lambda feeds: next(iter(feeds.values())).shape[-1])
    prepared = batches(ordered, size)
    times = timed(run, prepared, seconds, whole=True)
    return len(samples) * (len(times) / len(prepared)) / sum(times)


def batches(samples: Sequence[Feeds], size: int) -> list[Feeds]:
    """The samples in batches of exactly this size, in order, from the start again where they are too few."""
    count = max(size, len(samples) // size * size)
    rows = [{name: array[0] for name, array in samples[number % len(samples)].items()} for number in range(count)]
    return [padded(rows[start : start + size]) for start in range(0, count, size)]


def timed(
    call: Callable[[Any], object], arguments: Sequence[Any], seconds: float, *, whole: bool = False
) -> list[float]:
    """Seconds of each call over the arguments in turn, after one untimed call.

    Args:
        call: what is timed.
        arguments: one each call.
        seconds: how long, at least one call.
        whole: stop only at the end of the arguments.
    """
    call(arguments[0])
    times: list[float] = []
    until = time.perf_counter() + seconds
    while not times or time.perf_counter() < until or (whole and len(times) % len(arguments)):
        started = time.perf_counter()
        call(arguments[len(times) % len(arguments)])
        times.append(time.perf_counter() - started)
    return times
