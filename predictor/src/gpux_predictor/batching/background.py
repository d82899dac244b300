"""Work that nobody waits for: it runs in the gaps between requests, and gives way to them.

A run that a request finds on its way is stopped (`RunOptions.terminate`, which ONNX Runtime reads between two nodes), and its items
run again later in smaller batches; a gap that lets a batch end lets the next be twice as large. So that a server that is never idle
still gets on with it, a run that has waited for twenty times its own length is begun beside the requests, and not stopped.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from gpux_predictor import metrics
from gpux_predictor.batching.item import Batch, Item, Result, RunOptions, Timing
from gpux_predictor.batching.plan import Plan
from gpux_predictor.batching.queue import WaitingQueue
from gpux_predictor.batching.runner import Outcome, Runner
from gpux_predictor.errors import DeadlineExceeded

QUIET_SECONDS = 0.005
"""A gap begins after this long without a request: a client that asks again and again is not met by a run in between."""
PATIENCE = 20
"""How many times its own length the work waits for a gap; requests then lose at most a twentieth of the machine to it."""
_LEAST_PATIENCE_SECONDS = 0.02
_PROTECTED_SECONDS = 0.002


@dataclass(eq=False)
class _Run:
    batch: Batch
    protected: bool
    timer: asyncio.TimerHandle | None = None
    gave_way: bool = False
    expired: bool = False

    def give_way(self) -> None:
        if not self.protected:
            self.gave_way = self.batch.options.terminate = True

    def expire(self) -> None:
        self.expired = self.batch.options.terminate = True


class Background:
    """The queue of work that nobody waits for.

    Args:
        runner: runs a batch, in a thread.
        plan: what may share a run.
        new_options: makes the options of one run.
        in_flight: runs at a time.
        most_seconds: of one run.
        busy: whether requests wait or run.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        runner: Runner,
        plan: Plan,
        new_options: Callable[[], RunOptions],
        in_flight: int,
        most_seconds: float,
        busy: Callable[[], bool],
    ) -> None:
        self._runner = runner
        self._plan = plan
        self._new_options = new_options
        self._in_flight = in_flight
        self._most_seconds = most_seconds
        self._busy = busy
        self._queue = WaitingQueue()
        self._running: list[_Run] = []
        self._rows = plan.limit
        self._last_request = 0.0
        self._hindered = False
        self._took = 0.0
        self._wake: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._threads = ThreadPoolExecutor(in_flight + 1, thread_name_prefix="background")

    async def submit(self, arrays: Mapping[str, np.ndarray]) -> Result:
        """Queues work and waits for its result, however long that takes. Cancelling the wait takes it out, or stops its run.

        Args:
            arrays: complete feeds, with a row for each sample.

        Raises:
            DeadlineExceeded: its run took longer than a run may.
            RequestError: the run refused it or broke.
        """
        loop = asyncio.get_running_loop()
        plan = self._plan
        item = Item(
            arrays, plan.rows(arrays), plan.key(arrays), plan.share(arrays), loop.time(), 0.0, loop.create_future()
        )
        self._queue.add(item)
        self.resume()
        try:
            return await item.future
        finally:
            self._leave(item)
            del item  # the traceback of an error holds this frame, and the item its error

    def give_way(self, now: float) -> None:
        """A request is there: what runs stops."""
        self._last_request = now
        self._hindered = True
        for run in self._running:
            run.give_way()

    def resume(self) -> None:
        """Starts what may start now, and sees to it that what may not is looked at again."""
        while self._queue and len(self._running) < self._in_flight and not self._busy():
            loop = asyncio.get_running_loop()
            quiet_in = self._last_request + QUIET_SECONDS - loop.time()
            if quiet_in > 0:
                if self._wake is None:
                    self._wake = loop.call_later(quiet_in, self._wakened)
                break
            self._start(self._rows, protected=False)
        if self._queue and self._patience is None:
            self._hindered = self._busy()
            self._be_patient()

    def close(self) -> None:
        """Stops what runs and ends the threads."""
        for run in self._running:
            run.batch.options.terminate = True
        for timer in (self._wake, self._patience):
            if timer is not None:
                timer.cancel()
        self._threads.shutdown(wait=False)

    def _wakened(self) -> None:
        self._wake = None
        self.resume()

    def _be_patient(self) -> None:
        head = self._queue.head if self._queue else self._running[0].batch.items[0]
        seconds = max(_LEAST_PATIENCE_SECONDS, PATIENCE * max(self._took, self._plan.seconds(head.arrays)))
        self._patience = asyncio.get_running_loop().call_later(seconds, self._out_of_patience)

    def _out_of_patience(self) -> None:
        """No run has ended for long. If requests are why, they must bear one beside them."""
        self._patience = None
        going_on = [run for run in self._running if not run.gave_way]
        if self._hindered and going_on:
            going_on[0].protected = True
        elif self._hindered and self._queue:
            self._start(self._protected_rows(), protected=True)
        if self._queue or self._running:
            self._hindered = self._busy()
            self._be_patient()

    def _protected_rows(self) -> int:
        arrays, rows = self._queue.head.arrays, self._plan.limit
        while rows > 1 and not 0 < self._plan.batch_seconds(arrays, rows) <= _PROTECTED_SECONDS:
            rows //= 2
        return rows

    def _start(self, rows: int, *, protected: bool) -> None:
        items = self._queue.take(lambda oldest: self._most_rows(oldest, rows))
        loop = asyncio.get_running_loop()
        batch = Batch(items, self._new_options(), loop.time())
        run = _Run(batch, protected)
        run.timer = loop.call_later(self._most_seconds, run.expire)
        self._running.append(run)
        if self._patience is None:
            self._be_patient()
        self._threads.submit(self._work, run, loop)

    def _most_rows(self, oldest: Item, rows: int) -> int:
        return self._plan.worth(oldest.arrays, min(rows, self._plan.most_rows(oldest.arrays)), self._queue.rows)

    def _work(self, run: _Run, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: runs the batch and hands the outcomes to the loop."""
        outcomes = self._runner.outcomes(run.batch)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(self._done, run, outcomes)

    def _done(self, run: _Run, outcomes: list[Outcome]) -> None:
        self._running.remove(run)
        if run.timer is not None:
            run.timer.cancel()
        batch = run.batch
        items, batch.items = batch.items, []
        again = self._deliver(run, items, outcomes)
        if again:
            self._queue.put_back(again)
            self._rows = max(1, min(self._rows, batch.rows) // 2)
        else:
            self._got_on(run)
        self.resume()

    def _got_on(self, run: _Run) -> None:
        """A run has ended: patience begins anew."""
        self._took = asyncio.get_running_loop().time() - run.batch.started
        if not run.protected:
            self._rows = min(self._plan.limit, self._rows * 2)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _deliver(self, run: _Run, items: list[Item], outcomes: list[Outcome]) -> list[Item]:
        """Hands outcomes to who waits; those that have to run again are returned."""
        batch, took = run.batch, asyncio.get_running_loop().time() - run.batch.started
        metrics.BATCH_ROWS.observe(batch.rows)
        again = []
        for item, outcome in zip(items, outcomes, strict=True):
            if item.dead or item.future.done():
                continue
            if not isinstance(outcome, Exception):
                item.future.set_result(Result(outcome, Timing(batch.started - item.queued, took, batch.rows)))
            elif run.expired and len(items) == 1:
                item.future.set_exception(DeadlineExceeded("The run took too long"))
            elif run.gave_way or run.expired:
                item.batch = None
                again.append(item)
            else:
                item.future.set_exception(outcome)
        return again

    def _leave(self, item: Item) -> None:
        """Nobody wants the item any more."""
        if item.dead:
            return
        item.dead = True
        if item.batch is None:
            self._queue.remove(item)
        elif item.batch.items:
            item.batch.stop_if_unwanted()
