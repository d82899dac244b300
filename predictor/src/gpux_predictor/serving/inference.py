"""Runs of a loaded model: at once where that costs microseconds, through the batcher where it costs more."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gpux_predictor import metrics
from gpux_predictor.batching.batcher import Batcher, Limits
from gpux_predictor.batching.item import Result, Timing
from gpux_predictor.batching.joining import join
from gpux_predictor.batching.runner import Runner
from gpux_predictor.engine import cpus, placement
from gpux_predictor.engine.providers import CPU
from gpux_predictor.engine.session import run_options
from gpux_predictor.errors import DeviceFailed
from gpux_predictor.serving.loading import LoadedModel

logger = logging.getLogger(__name__)
Arrays = Mapping[str, np.ndarray]
AT_ONCE_SECONDS = 1e-4
"""A run of up to this long is done on the event loop: a hop to a thread and back costs half of it, and nobody waits for a probe."""
_TOO_LONG = 20 * AT_ONCE_SECONDS
_STRIKES = 3
"""Runs in a row that take far longer than measured; one alone may have been preempted."""
_DEVICE_FAILURES = 3
"""Runs in a row that failed for the device; CUDA's contexts do not recover from most errors."""


class Inference:
    """Runs of one model.

    Args:
        loaded: the model.
        limits: what the queue holds to; `in_flight` is decided here.
        on_broken: hears, in a thread, that run after run failed for the device: only a new process can help.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        on_broken: Callable[[DeviceFailed], None] = lambda _: None,
    ) -> None:
        self._session = loaded.session
        self._outputs = [tensor.name for tensor in loaded.signature.outputs]
        self._plan = loaded.plan
        in_flight = 2 if cpus.available() > 1 or loaded.session.providers[0] != CPU else 1
        limits = replace(limits, in_flight=in_flight)
        runner = Runner(self._run, loaded.plan, loaded.session.empty)
        self.batcher = Batcher(runner, loaded.plan, run_options, limits)
        self._at_once = 0 if limits.max_delay else _elements_at_once(loaded)
        self._strikes = 0
        self._on_broken = on_broken
        self._device_failures = 0
        self._rows = 0
        self._seconds = 0.0

    @property
    def quick(self) -> bool:
        """Whether small runs take microseconds, and nobody waits."""
        return self._at_once > 0 and self.batcher.idle

    def takes(self, elements: int) -> bool:
        """Whether a run of so many input elements takes microseconds, and nobody waits."""
        return elements <= self._at_once and self.batcher.idle

    def ran(self, rows: int, seconds: float) -> None:
        """Takes a run on the event loop in."""
        self._rows += rows
        self._seconds += seconds
        if seconds > _TOO_LONG:
            self._strike()
        elif self._strikes:
            self._strikes = 0

    def at_once(self, arrays: Arrays) -> Result | None:
        """Runs on the calling thread if that takes microseconds and nobody waits; None if it has to queue.

        Raises:
            RequestError: the run refused the values or broke.
        """
        if not self.quick or not self.takes(sum([array.size for array in arrays.values()])):
            return None
        started = time.perf_counter()
        outputs = self._session.run(self._outputs, arrays)
        seconds = time.perf_counter() - started
        rows = self._plan.rows(arrays)
        self.ran(rows, seconds)
        metrics.BATCH_ROWS.observe(rows)
        return Result(outputs, Timing(0.0, seconds, rows))

    async def queued(self, parts: Sequence[Arrays], deadline: float) -> tuple[list[dict[str, Any]], Timing]:
        """Runs the parts of a request through the batcher.

        Returns:
            The outputs of each part, and what the request waited and ran.

        Raises:
            RequestError: too many requests, the deadline, or the run.
        """
        pieces = [self._plan.chunks(part) for part in parts]
        if len(pieces) == 1 and len(pieces[0]) == 1:
            result = await self.batcher.submit(pieces[0][0], deadline)
            return [result.outputs], result.timing
        self.batcher.admit(asyncio.get_running_loop().time(), deadline)
        return await self._together(pieces, lambda piece: self.batcher.submit(piece, deadline, admitted=True))

    async def background(self, parts: Sequence[Arrays]) -> list[dict[str, Any]]:
        """Runs parts that nobody waits for, in the gaps between requests; the outputs of each.

        Raises:
            RequestError: the run refused the values or broke, or took longer than a run may.
        """
        pieces = [self._plan.chunks(part) for part in parts]
        found, _ = await self._together(pieces, self.batcher.background.submit)
        return found

    async def _together(
        self, pieces: Sequence[Sequence[Arrays]], submit: Callable[[Arrays], Awaitable[Result]]
    ) -> tuple[list[dict[str, Any]], Timing]:
        """Submits the pieces of all parts at once, and joins their outputs by part; where one fails, the others leave."""
        tasks = [[asyncio.ensure_future(submit(piece)) for piece in group] for group in pieces]
        every = [task for group in tasks for task in group]
        try:
            results = await asyncio.gather(*every)
        except BaseException:
            while every:
                every.pop().cancel()
            del tasks  # the error's traceback holds this frame, and a task the error
            raise
        timings = [result.timing for result in results]
        timing = Timing(max(t.queue for t in timings), sum(t.run for t in timings), max(t.rows for t in timings))
        return [join([task.result().outputs for task in group]) for group in tasks], timing

    def efficiency(self) -> float:
        """Samples a second of run time over the best rate that the warm-up measured; NaN before the first run."""
        cost = self._plan.cost
        if cost is None or not self._seconds:
            return float("nan")
        return self._rows / self._seconds / max(point.rate for point in cost.points)

    def _run(self, feeds: Arrays, options: Any) -> dict[str, Any]:  # noqa: ANN401
        started = time.perf_counter()
        try:
            found = self._session.run(self._outputs, feeds, options)
        except DeviceFailed as error:
            self._device_failures += 1
            if self._device_failures == _DEVICE_FAILURES:
                self._on_broken(error)
            raise
        self._device_failures = 0
        self._rows += self._plan.rows(feeds)
        self._seconds += time.perf_counter() - started
        return found

    def _strike(self) -> None:
        self._strikes += 1
        if self._strikes == _STRIKES:
            self._at_once = 0
            logger.info("runs take milliseconds now: they move to threads")


def _elements_at_once(loaded: LoadedModel) -> int:
    """The input elements of the largest run that was measured to take microseconds; 0 if none is.

    A graph with loops or branches can take any time, whatever was measured.
    """
    cost = loaded.learnt.cost
    if cost is None or loaded.session.providers[0] != CPU or placement.has_control_flow(loaded.session.placement):
        return 0
    quick = [point.rows for point in cost.points if point.seconds <= AT_ONCE_SECONDS]
    return max(quick, default=0) * cost.elements
