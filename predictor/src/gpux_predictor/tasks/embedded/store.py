"""The embedded store: SQLite in a folder that one process holds."""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gpux_predictor.tasks.embedded import notices, operations, reading, schema
from gpux_predictor.tasks.embedded.operations import Tally
from gpux_predictor.tasks.embedded.writer import Writer
from gpux_predictor.tasks.records import (
    Appetite,
    Callback,
    CallbackOutcome,
    Claimed,
    Counts,
    NewTask,
    Outcome,
    State,
    Submitted,
    Task,
    Terms,
)
from gpux_predictor.tasks.store import StoreUnavailable

T = TypeVar("T")
CALLBACK_SECONDS = 120.0
"""After which a notice of which nothing was heard is sent again."""


class EmbeddedStore:
    """Tasks in `folder/tasks.sqlite3`; a `TaskStore`.

    Args:
        folder: for this model alone; made if it is not there.
        terms: what it holds to.
        clock: seconds since the epoch.
    """

    local = True

    def __init__(self, folder: Path, terms: Terms, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._terms = terms
        self._clock = clock
        self._writer: Writer | None = None
        self._lock: int | None = None
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="tasks-reader")

    async def open(self) -> None:
        """Opens the file; what ran when its last process died is queued again, or fails.

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
        now = self._clock()
        return await self._do(lambda db, tally: operations.submit(db, tally, self._terms, self._key, task, now))

    async def claim(self, worker: str, appetite: Appetite) -> list[Claimed]:
        """See TaskStore."""
        now, lease = self._clock(), self._terms.lease_seconds
        return await self._do(lambda db, tally: operations.claim(db, tally, worker, appetite, now, lease))

    async def renew(self, worker: str, ids: Collection[str]) -> set[str]:
        """See TaskStore."""
        until = self._clock() + self._terms.lease_seconds
        return await self._do(lambda db, _: operations.renew(db, worker, ids, until))

    async def finish(self, worker: str, outcomes: Sequence[Outcome]) -> None:
        """See TaskStore."""
        now = self._clock()
        await self._do(lambda db, tally: operations.finish(db, tally, self._terms, worker, outcomes, now))

    async def release(self, worker: str, ids: Collection[str]) -> None:
        """See TaskStore."""
        await self._do(lambda db, tally: operations.release(db, tally, worker, ids))

    async def cancel(self, task_id: str) -> Task:
        """See TaskStore."""
        now = self._clock()

        def work(db: sqlite3.Connection, tally: Tally) -> Task:
            operations.cancel(db, tally, task_id, now, now + self._terms.result_seconds)
            return reading.get(db, self._key, task_id, now)

        return await self._do(work)

    async def sweep(self) -> None:
        """See TaskStore."""
        now = self._clock()

        def work(db: sqlite3.Connection, tally: Tally) -> None:
            operations.take_back(db, tally, self._terms, now, before=now)
            operations.remove_expired(db, tally, now)

        await self._do(work)

    async def get(self, task_id: str) -> Task:
        """See TaskStore."""
        now = self._clock()
        return await self._read(lambda db: reading.get(db, self._key, task_id, now))

    async def page(self, states: Collection[State], after: str | None, most: int) -> list[Task]:
        """See TaskStore."""
        now = self._clock()
        return await self._read(lambda db: reading.page(db, self._key, states, after, most, now))

    async def counts(self) -> Counts:
        """See TaskStore."""
        now = self._clock()
        return await self._read(lambda db: reading.counts(db, now))

    async def due_callbacks(self, most: int) -> list[Callback]:
        """See TaskStore."""
        now = self._clock()
        return await self._do(lambda db, _: notices.due(db, most, now, now + CALLBACK_SECONDS))

    async def settle_callbacks(self, outcomes: Sequence[CallbackOutcome]) -> None:
        """See TaskStore."""
        now = self._clock()
        await self._do(lambda db, _: notices.settle(db, outcomes, now))

    async def _do(self, work: Callable[[sqlite3.Connection, Tally], T]) -> T:
        if self._writer is None:
            raise StoreUnavailable("The store of tasks is not open")
        return await self._writer.do(work)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Reads beside the writer: a poll does not wait for a flush."""
        if self._writer is None:
            raise StoreUnavailable("The store of tasks is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, work, self._reader)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The store of tasks cannot be read: {error}") from None

    def _open(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _hold(self._folder)
            db = schema.connect(self._folder, writes=True)
            self._reader = schema.connect(self._folder, writes=False)
            self._key = schema.id_key(db)
            tally = operations.count(db)
            db.execute("BEGIN IMMEDIATE")
            operations.take_back(db, tally, self._terms, self._clock(), before=float("inf"))
            db.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            self._let_go()
            raise StoreUnavailable(f"The store of tasks in {self._folder} cannot be opened: {error}") from None
        self._db = db
        self._writer = Writer(db, tally)

    def _close(self, writer: Writer) -> None:
        writer.close()
        self._readers.submit(self._reader.close).result()
        self._db.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _hold(folder: Path) -> int:
    """Takes the folder for this process, which death lets go.

    Raises:
        StoreUnavailable: another process has it.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreUnavailable(
            f"Another process works on the tasks in {folder}: stop it, or choose another --state-dir"
        ) from None
    return lock
