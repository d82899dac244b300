"""The embedded store: SQLite in a folder that one process holds."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gpux_predictor.tasks.callback_records import CALLBACK_SECONDS, Callback, CallbackOutcome
from gpux_predictor.tasks.embedded import keeping, notices, reading, schema, submitting, working
from gpux_predictor.tasks.embedded.change import Change, count
from gpux_predictor.tasks.embedded.folder import Folder
from gpux_predictor.tasks.embedded.reading import Look
from gpux_predictor.tasks.embedded.writer import Writer
from gpux_predictor.tasks.records import (
    Appetite,
    Claimed,
    Counts,
    NewTask,
    Outcome,
    Page,
    State,
    Submitted,
    Task,
    Terms,
)
from gpux_predictor.tasks.store import StoreUnavailable

T = TypeVar("T")


class EmbeddedStore:
    """Tasks in `folder/tasks.sqlite3`; a `TaskStore`.

    Args:
        folder: for this model alone; made if it is not there.
        terms: what it holds to.
        clock: seconds since the epoch.
    """

    local = True

    def __init__(self, folder: Path, terms: Terms, clock: Callable[[], float] = time.time) -> None:
        self._folder = Folder(folder)
        self._terms = terms
        self._clock = clock
        self._writer: Writer | None = None
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="tasks-reader")

    async def open(self) -> None:
        """Opens the file; what ran when its last process died is queued again, or fails, and what it was telling is due.

        Raises:
            StoreUnavailable: another process holds it, or it cannot be read.
        """
        if self._writer is None:
            await asyncio.to_thread(self._open)

    async def close(self) -> None:
        """Writes what was asked for and lets the file go."""
        if self._writer is not None:
            await asyncio.to_thread(self._close, self._writer)
            self._writer = None

    async def submit(self, task: NewTask) -> Submitted:
        """See TaskStore."""
        return await self._do(lambda change: submitting.submit(change, task))

    async def claim(self, worker: str, appetite: Appetite) -> list[Claimed]:
        """See TaskStore."""
        return await self._do(lambda change: working.claim(change, worker, appetite))

    async def renew(self, worker: str, ids: Collection[str]) -> set[str]:
        """See TaskStore."""
        return await self._do(lambda change: working.renew(change, worker, ids))

    async def finish(self, worker: str, outcomes: Sequence[Outcome]) -> None:
        """See TaskStore."""
        await self._do(lambda change: working.finish(change, worker, outcomes))

    async def release(self, worker: str, ids: Collection[str]) -> None:
        """See TaskStore."""
        await self._do(lambda change: working.release(change, worker, ids))

    async def cancel(self, task_id: str) -> Task:
        """See TaskStore."""

        def work(change: Change) -> Task:
            working.cancel(change, task_id)
            return reading.get(change, task_id)

        return await self._do(work)

    async def sweep(self) -> bool:
        """See TaskStore."""

        def work(change: Change) -> bool:
            keeping.take_back(change, before=change.tick)
            return keeping.remove_expired(change)

        return await self._do(work)

    async def recover(self, worker: str, held: Collection[str]) -> None:
        """See TaskStore."""
        await self._do(lambda change: working.recover(change, worker, held))

    async def get(self, task_id: str) -> Task:
        """See TaskStore."""
        return await self._read(lambda look: reading.get(look, task_id))

    async def page(self, states: Collection[State], after: str | None, most: int) -> Page:
        """See TaskStore."""
        return await self._read(lambda look: reading.page(look, states, after, most))

    async def counts(self) -> Counts:
        """See TaskStore."""
        return await self._read(lambda look: reading.counts(look, self._tally))

    async def due_callbacks(self, most: int, under_way: Sequence[str] = ()) -> list[Callback]:
        """See TaskStore."""
        return await self._do(lambda change: notices.due(change, most, CALLBACK_SECONDS, under_way))

    async def settle_callbacks(self, outcomes: Sequence[CallbackOutcome]) -> None:
        """See TaskStore."""
        await self._do(lambda change: notices.settle(change, outcomes))

    async def _do(self, work: Callable[[Change], T]) -> T:
        if self._writer is None:
            raise StoreUnavailable("The store of tasks is not open")
        return await self._writer.do(work)

    async def _read(self, work: Callable[[Look], T]) -> T:
        """Reads beside the writer: a poll does not wait for a flush."""
        if self._writer is None:
            raise StoreUnavailable("The store of tasks is not open")
        look = Look(self._reader, self._key, self._clock())
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, work, look)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The store of tasks cannot be read: {error}") from None

    def _open(self) -> None:
        try:
            self._folder.hold()
            db = schema.connect(self._folder.path, writes=True)
            self._reader = schema.connect(self._folder.path, writes=False)
            self._key = schema.id_key(db)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # after a full disk, it makes room
            self._tally = tally = count(db)

            def change() -> Change:
                return Change(db, tally, self._terms, self._key, self._clock(), time.monotonic(), self._folder.room)

            db.execute("BEGIN IMMEDIATE")
            keeping.take_back(change(), before=float("inf"))
            notices.release(change())
            db.execute("COMMIT")
        except (OSError, sqlite3.Error, TypeError) as error:
            self._folder.let_go()
            raise StoreUnavailable(f"The store of tasks in {self._folder.path} cannot be opened: {error}") from None
        self._db = db
        self._writer = Writer(db, tally, change)

    def _close(self, writer: Writer) -> None:
        writer.close()
        self._readers.submit(self._reader.close).result()
        self._db.close()
        self._folder.let_go()
