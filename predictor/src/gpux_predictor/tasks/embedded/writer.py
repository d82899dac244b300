"""One thread that writes: what waits shares one transaction, so that a thousand submissions cost one flush to the disk."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from gpux_predictor.errors import RequestError
from gpux_predictor.tasks.embedded.change import Change, Tally
from gpux_predictor.tasks.store import StoreFull, StoreUnavailable

logger = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[Change], Any]
_MOST_TOGETHER = 1000
_FULL = {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE", "SQLITE_TOOBIG"}


class _Job:
    def __init__(self, work: Work) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.outcome: Any = None


class Writer:
    """Runs changes one after the other, in groups that are committed together.

    Args:
        connection: for this thread alone from now on.
        tally: of the file.
        make_change: what a change works on, at the time of the call.
    """

    def __init__(self, connection: sqlite3.Connection, tally: Tally, make_change: Callable[[], Change]) -> None:
        self._db = connection
        self._tally = tally
        self._make_change = make_change
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="tasks-writer", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[Change], T]) -> T:
        """Runs a change and waits until it is on the disk. Cancelling the wait does not undo it.

        Raises:
            RequestError: what the change raised, or StoreFull, or StoreUnavailable.
        """
        if self._closed:
            raise StoreUnavailable("The store of tasks is closed: the server is stopping")
        job = _Job(work)
        self._jobs.put(job)
        found: T = await asyncio.shield(job.future)
        return found

    def close(self) -> None:
        """Ends the thread once all that was asked for is written; blocks."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()

    def _write(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                self._together(group)
            except Exception as error:
                if len(group) == 1:
                    group[0].outcome = _unwritten(error)
                else:
                    self._apart(group)
            self._answer(group)
            del group

    def _next_group(self) -> list[_Job] | None:
        first = self._jobs.get()
        if first is None:
            return None
        group = [first]
        while len(group) < _MOST_TOGETHER and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                self._jobs.put(None)
                break
            group.append(job)
        return group

    def _together(self, group: list[_Job]) -> None:
        """One transaction for all; what one of them refuses concerns it alone, since it refuses before it writes."""
        before = self._tally.copy()
        self._tally.unwritten = 0
        try:
            self._db.execute("BEGIN IMMEDIATE")
            change = self._make_change()
            for job in group:
                try:
                    job.outcome = job.work(change)
                except RequestError as error:
                    job.outcome = error
            self._db.execute("COMMIT")
        except BaseException:
            self._tally.restore(before)
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _apart(self, group: list[_Job]) -> None:
        """Each change by itself: where one has no room, another may have."""
        for job in group:
            try:
                self._together([job])
            except Exception as error:
                job.outcome = _unwritten(error)

    def _answer(self, group: list[_Job]) -> None:
        """Wakes who waits, with one call for each loop."""
        loops = {job.loop for job in group}
        for loop in loops:
            jobs = [job for job in group if job.loop is loop]
            try:
                loop.call_soon_threadsafe(_resolve, jobs)
            except RuntimeError:
                logger.debug("nobody waits for %d changes any more", len(jobs))


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if isinstance(job.outcome, Exception):
            job.future.set_exception(job.outcome)
            job.future.exception()  # heard: whoever waited may have gone
        else:
            job.future.set_result(job.outcome)


def _unwritten(error: Exception) -> RequestError:
    if not isinstance(error, sqlite3.Error):
        logger.error("a change of the tasks broke", exc_info=error)
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    if name in _FULL:
        return StoreFull(f"The disk with the tasks is full or broken ({name}): nothing that was accepted is lost")
    return StoreUnavailable(f"The store of tasks cannot be written: {name}: {error}")
