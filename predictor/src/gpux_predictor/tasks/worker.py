"""Takes tasks from the store, runs them, and writes how they ended.

Nothing is forgotten on the way: a task stays leased, its lease is renewed, until its end is written; an end that cannot be written is
written later. What this process cannot end, because it dies, another takes over.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from gpux_predictor.errors import NotReady, RequestError
from gpux_predictor.tasks.outbox import Outbox
from gpux_predictor.tasks.pacing import SLICE_SECONDS, Gaps
from gpux_predictor.tasks.records import Appetite, Claimed, Outcome
from gpux_predictor.tasks.runs import Runs
from gpux_predictor.tasks.store import TaskStore

logger = logging.getLogger(__name__)
_MOST_BYTES = 64 * 2**20
_LOOK_SECONDS = {True: 5.0, False: 0.5}
"""How often an empty queue is looked at: of a store that others fill, more often."""
_RETRY_SECONDS = 1.0
STOP_SECONDS = 5.0
"""What runs at the end may take so long; then it is given back."""


class Worker:
    """Works on the tasks of one store.

    Args:
        name: tells this process from others.
        store: where the tasks are.
        runs: runs one.
        gaps: when the event loop has time.
        lease_seconds: of a task.
        ended: hears of the tasks whose end has been written.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        name: str,
        store: TaskStore,
        runs: Runs,
        gaps: Gaps,
        lease_seconds: float,
        ended: Callable[[Collection[Outcome]], None],
    ) -> None:
        self._name = name
        self._store = store
        self._runs = runs
        self._gaps = gaps
        self._lease_seconds = lease_seconds
        self._outbox = Outbox(lambda outcomes: store.finish(name, outcomes), self._written)
        self._ended = ended
        self._held: dict[str, Claimed] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._fresh: asyncio.Queue[Claimed] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._unsure = False
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to work."""
        self._loops = [asyncio.create_task(loop()) for loop in (self._claiming, self._working, self._renewing)]
        self._outbox.start()

    def wake(self) -> None:
        """There is something to do."""
        self._changed.set()

    def drop(self, ids: Iterable[str]) -> None:
        """Forgets tasks that are no longer ours; a run that nobody else's batch needs stops."""
        for task_id in ids:
            self._held.pop(task_id, None)
            if (task := self._tasks.pop(task_id, None)) is not None:
                task.cancel()
        self._changed.set()

    async def stop(self) -> None:
        """Takes no more, lets what runs end for some seconds, writes the ends, and gives the rest back."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=STOP_SECONDS)
        running = list(self._tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._outbox.stop()
        if self._held:
            try:
                await self._store.release(self._name, list(self._held))
            except RequestError as error:
                logger.warning("%d tasks run elsewhere after their lease: %s", len(self._held), error.detail)

    async def _claiming(self) -> None:
        while True:
            self._changed.clear()
            try:
                if self._unsure:
                    await self._store.recover(self._name, list(self._held))
                    self._unsure = False
                claimed = await self._claim()
            except NotReady:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception as error:
                self._unsure = True  # what was claimed may be ours without our knowledge
                logger.warning("no tasks: %s", error, exc_info=not isinstance(error, RequestError))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            for task in claimed:
                self._held[task.id] = task
                self._fresh.put_nowait(task)
            if not claimed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _LOOK_SECONDS[self._store.local])

    async def _claim(self) -> list[Claimed]:
        """The next tasks, as many as are worth holding; none beside one that saw a worker die."""
        held = self._held.values()
        most = self._runs.most
        room = most - len(held)
        if any(task.attempt > 1 for task in held) or (held and room < most // 2):
            return []
        size = _MOST_BYTES - sum(len(task.body) for task in held)
        if held and size <= 0:
            return []
        claim = asyncio.ensure_future(self._store.claim(self._name, Appetite(room, size, idle=not held)))
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            with suppress(RequestError):  # leased meanwhile: given back with the others
                self._held |= {task.id: task for task in await claim}
            raise

    async def _working(self) -> None:
        began = time.perf_counter()
        while True:
            if self._fresh.empty():
                task = await self._fresh.get()
                began = time.perf_counter()
            else:
                task = self._fresh.get_nowait()
            self._begin(task)
            if (worked := time.perf_counter() - began) > SLICE_SECONDS:
                await self._gaps.gap(worked)
                began = time.perf_counter()

    def _begin(self, task: Claimed) -> None:
        if self._held.get(task.id) is not task:  # dropped meanwhile, and perhaps taken anew
            return
        try:
            outcome = self._runs.at_once(task)
        except NotReady:
            return  # it is given back when the worker stops
        except Exception as error:
            outcome = _broken(task, error)
        if outcome is not None:
            self._outbox.put(outcome)
            return
        running = asyncio.create_task(self._run(task))
        self._tasks[task.id] = running
        running.add_done_callback(lambda ended: self._forget(task.id, ended))

    def _forget(self, task_id: str, ended: asyncio.Task[None]) -> None:
        if self._tasks.get(task_id) is ended:  # not if it was dropped, and taken anew meanwhile
            del self._tasks[task_id]

    async def _run(self, task: Claimed) -> None:
        try:
            outcome = await self._runs.run(task)
        except NotReady:
            return
        except Exception as error:
            outcome = _broken(task, error)
        self._outbox.put(outcome)

    async def _renewing(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            if not self._held:
                continue
            try:
                lost = await self._store.renew(self._name, list(self._held))
            except Exception as error:
                logger.warning("leases were not renewed: %s", error, exc_info=not isinstance(error, RequestError))
                continue
            self.drop(lost)

    def _written(self, outcomes: Collection[Outcome]) -> None:
        for outcome in outcomes:
            if (held := self._held.get(outcome.id)) is not None and held.attempt == outcome.attempt:
                del self._held[outcome.id]
        self._changed.set()
        self._ended(outcomes)


def _broken(task: Claimed, error: Exception) -> Outcome:
    """Nothing that a task does ends the loops that work on all of them."""
    logger.error("task %s broke", task.id, exc_info=error)
    return Outcome(task.id, task.attempt, None, f"Inference failed: {type(error).__name__}", again=True)
