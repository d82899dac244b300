"""Runs when idle, batches what queued meanwhile, and leaves out who no longer waits.

The policy is Triton's and text-embeddings-inference's: no fixed delay, which costs its length when idle and wins nothing under
load. The queue and all decisions live on the event loop; only runs are in threads, `in_flight` at a time, so that the Python work
of one batch overlaps the run of another.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from gpux_predictor import metrics
from gpux_predictor.batching.admission import SAFETY, Pace, admit
from gpux_predictor.batching.background import Background
from gpux_predictor.batching.item import Batch, Item, Result, RunOptions, Timing
from gpux_predictor.batching.plan import Plan
from gpux_predictor.batching.queue import WaitingQueue
from gpux_predictor.batching.runner import Outcome, Runner
from gpux_predictor.errors import DeadlineExceeded

_TURNS = 3
"""Turns of the event loop between a batch and the next: one sends its answers, one reads the requests that they bring, one queues
them. The work has to be done anyway, and the next batch is fuller for it."""


@dataclass(frozen=True)
class Limits:
    """What the queue holds to.

    Attributes:
        in_flight: runs at a time.
        most_waiting: `runtime.queue.maxRequests`.
        max_delay: `runtime.batching.maxDelayMilliseconds`, in seconds.
        background_seconds: of a run for work that nobody waits for.
    """

    in_flight: int = 1
    most_waiting: int | None = None
    max_delay: float = 0.0
    background_seconds: float = 30.0


class Batcher:
    """The queue in front of one session.

    Args:
        runner: runs a batch, in a thread.
        plan: what may share a run.
        new_options: makes the options of one run.
        limits: what the queue holds to.
    """

    def __init__(self, runner: Runner, plan: Plan, new_options: Callable[[], RunOptions], limits: Limits) -> None:
        self.plan = plan
        self._runner = runner
        self._new_options = new_options
        self._limits = limits
        self._queue = WaitingQueue()
        self._running: list[Batch] = []
        self._pace = Pace()
        self._last_end = 0.0
        self._turns = 0
        self._delay: asyncio.TimerHandle | None = None
        self._threads = ThreadPoolExecutor(limits.in_flight, thread_name_prefix="run")
        self.background = Background(
            runner, plan, new_options, limits.in_flight, limits.background_seconds, lambda: not self.idle
        )

    @property
    def idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self._running and not self._queue

    @property
    def depth(self) -> tuple[int, int]:
        """Requests that wait, and requests that run."""
        return self._queue.items, sum(len(batch.items) for batch in self._running)

    def expect(self, now: float) -> float:
        """The seconds until a new request's run would begin."""
        if len(self._running) < self._limits.in_flight:
            return 0.0
        factor, beside = self._pace.factor, len(self._running)
        running = sum(max(0.0, batch.share * factor - (now - batch.started) / beside) for batch in self._running)
        return self._queue.share * factor + running

    def admit(self, now: float, deadline: float, run: float = 0.0) -> None:
        """Refuses what cannot be answered in time; cheap, so that it can be asked before a body is parsed.

        Raises:
            TooManyRequests: with the time to come back.
        """
        run *= (
            self._pace.factor * self._limits.in_flight
        )  # runs beside each other take longer: pace is that of all together
        admit(self.expect(now), run, deadline - now, self._queue.items, self._limits.most_waiting)

    async def submit(self, arrays: Mapping[str, np.ndarray], deadline: float, *, admitted: bool = False) -> Result:
        """Queues a request and waits for its result. Cancelling the wait takes it out of the queue or the batch.

        Args:
            arrays: complete feeds, with a row for each sample.
            deadline: on the loop's clock.
            admitted: a piece of a request that was admitted as a whole.

        Raises:
            TooManyRequests: it would not be answered in time.
            DeadlineExceeded: it was not.
            RequestError: the run refused it or broke.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        plan = self.plan
        if not admitted:
            self.admit(now, deadline, plan.seconds(arrays) or self._pace.seconds)
        share = plan.share(arrays) or self._pace.seconds
        item = Item(arrays, plan.rows(arrays), plan.key(arrays), share, now, deadline, loop.create_future())
        self.background.give_way(now)
        self._queue.add(item)
        self._dispatch()
        timer = loop.call_at(deadline, self._expire, item)
        try:
            return await item.future
        finally:
            timer.cancel()
            self._leave(item)
            del item, timer  # the traceback of an error holds this frame, and the item its error

    def close(self) -> None:
        """Ends the threads once their runs have ended."""
        self.background.close()
        self._threads.shutdown(wait=False)

    def _expire(self, item: Item) -> None:
        if not item.future.done():
            item.future.set_exception(DeadlineExceeded("The deadline passed"))

    def _leave(self, item: Item) -> None:
        """Nobody waits for the item any more."""
        if item.dead:
            return
        item.dead = True
        if item.batch is None:
            self._queue.remove(item)
            self.background.resume()
        elif item.batch in self._running:
            item.batch.stop_if_unwanted()

    def _dispatch(self) -> None:
        """Starts what may start now."""
        while self._queue and len(self._running) < self._limits.in_flight and not self._turns:
            if self._wait_for_more():
                return
            items = self._queue.take(self._most_rows)
            loop = asyncio.get_running_loop()
            batch = Batch(items, self._new_options(), loop.time())
            self._running.append(batch)
            self._threads.submit(self._work, batch, loop)

    def _most_rows(self, oldest: Item) -> int:
        """The batch limit, or less where a full batch would end after the deadline of its oldest request.

        A request that misses its deadline even alone makes no smaller batches: that would cost those behind it, too.
        """
        most = self.plan.most_rows(oldest.arrays)
        left = SAFETY * (oldest.deadline - asyncio.get_running_loop().time())
        pace = self._pace.factor * (len(self._running) + 1)
        if pace * self.plan.seconds(oldest.arrays) < left:
            while most > 1 and pace * self.plan.batch_seconds(oldest.arrays, most) > left:
                most //= 2
        return most

    def _wait_for_more(self) -> bool:
        """Whether the manifest wants an idle runtime to wait for more, and the oldest has not waited that long."""
        delay = self._limits.max_delay
        if not delay or self._queue.rows >= self.plan.limit:
            return False
        loop = asyncio.get_running_loop()
        left = self._queue.oldest + delay - loop.time()
        if left > 0 and self._delay is None:
            self._delay = loop.call_later(left, self._end_delay)
        return left > 0

    def _end_delay(self) -> None:
        self._delay = None
        self._dispatch()

    def _work(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: runs the batch and hands the outcomes to the loop."""
        outcomes = self._runner.outcomes(batch)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(self._done, batch, outcomes)

    def _done(self, batch: Batch, outcomes: list[Outcome]) -> None:
        now = asyncio.get_running_loop().time()
        self._running.remove(batch)
        self.background.give_way(now)
        took = now - max(batch.started, self._last_end)
        self._last_end = now
        self._pace.learn(max(batch.share, self._alone(batch)), took)
        metrics.BATCH_ROWS.observe(batch.rows)
        # A batch and its items hold each other: inputs would wait for the garbage collector.
        items, batch.items = batch.items, []
        for item, outcome in zip(items, outcomes, strict=True):
            if item.future.done():
                continue
            if isinstance(outcome, Exception):
                item.future.set_exception(outcome)
            else:
                timing = Timing(batch.started - item.queued, now - batch.started, batch.rows)
                item.future.set_result(Result(outcome, timing))
        more = len(items) > 1 and not self._running and self._queue.rows < self.plan.limit
        self._turn(_TURNS if more else 0)

    def _alone(self, batch: Batch) -> float:
        return self.plan.seconds(batch.items[0].arrays) if len(batch.items) == 1 else 0.0

    def _turn(self, left: int) -> None:
        self._turns = left
        if left:
            asyncio.get_running_loop().call_soon(self._turn, left - 1)
        else:
            self._dispatch()
            self.background.resume()
