"""Each change of a task as SQL. Every function runs inside a transaction that its caller begins and ends."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256

from gpux_predictor.tasks.ids import new_id
from gpux_predictor.tasks.records import Appetite, Claimed, NewTask, Outcome, State, Submitted, Terms
from gpux_predictor.tasks.store import CANCELLED, KeyReused, QueueFull, StoreFull, died, full, no_room, reused

Row = tuple[int, int]
"""A task's `seq` and attempts."""
_PAGES = 2048
"""Unused pages of 4 KiB that the file keeps; more go back to the disk, so many at a time."""


@dataclass
class Tally:
    """What would take long to count at each submission: tasks that wait, and bytes of bodies and results."""

    queued: int = 0
    bytes: int = 0


def count(db: sqlite3.Connection) -> Tally:
    """The tally of a file."""
    [queued] = db.execute("SELECT COUNT(*) FROM tasks WHERE state = 'queued'").fetchone()
    [size] = db.execute("SELECT COALESCE(SUM(size), 0) FROM tasks").fetchone()
    return Tally(queued, size)


def submit(db: sqlite3.Connection, tally: Tally, terms: Terms, key: bytes, task: NewTask, now: float) -> Submitted:  # noqa: PLR0913, PLR0917
    """Takes a task in."""
    digest = sha256(task.content_type.encode() + b"\0" + task.body).digest() if task.key else None
    if task.key and (found := _same_key(db, task.key, digest)):
        return found
    if tally.queued >= terms.most_queued:
        raise QueueFull(full(terms.most_queued))
    if tally.bytes + len(task.body) > terms.most_bytes:
        raise StoreFull(no_room(terms.most_bytes))
    task_id = new_id(key)
    state = "waiting" if task.callback else None
    [seq] = db.execute(
        "INSERT INTO tasks (id, state, type, size, submitted, key, digest, callback, callback_state)"
        " VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        [task_id, task.content_type, len(task.body), now, task.key, digest, task.callback, state],
    ).fetchone()
    db.execute("INSERT INTO bodies VALUES (?, ?)", [seq, task.body])
    tally.queued += 1
    tally.bytes += len(task.body)
    return Submitted(task_id, tally.queued)


def _same_key(db: sqlite3.Connection, key: str, digest: bytes | None) -> Submitted | None:
    found = db.execute("SELECT id, digest, seq, state FROM tasks WHERE key = ?", [key]).fetchone()
    if found is None:
        return None
    task_id, before, seq, state = found
    if before != digest:
        raise KeyReused(reused(key))
    position = 0
    if state == State.QUEUED:
        [position] = db.execute("SELECT COUNT(*) FROM tasks WHERE state = 'queued' AND seq <= ?", [seq]).fetchone()
    return Submitted(task_id, position, fresh=False)


def claim(
    db: sqlite3.Connection, tally: Tally, worker: str, appetite: Appetite, now: float, lease: float
) -> list[Claimed]:
    """Leases tasks; one that saw a worker die comes alone, and only to who runs nothing else."""
    rows = db.execute(
        "SELECT seq, attempts, size FROM tasks WHERE state = 'queued' ORDER BY seq LIMIT ?", [appetite.tasks]
    ).fetchall()
    taken: list[int] = []
    size = 0
    for seq, attempts, length in rows:
        if taken and (attempts or size + length > appetite.bytes):
            break
        if attempts and not appetite.idle:
            break
        taken.append(seq)
        size += length
        if attempts:
            break
    if not taken:
        return []
    claimed = []
    for seq in taken:
        task_id, attempt, kind = db.execute(
            "UPDATE tasks SET state = 'running', attempts = attempts + 1, started = ?, worker = ?, lease = ?"
            " WHERE seq = ? RETURNING id, attempts, type",
            [now, worker, now + lease, seq],
        ).fetchone()
        [body] = db.execute("SELECT body FROM bodies WHERE seq = ?", [seq]).fetchone()
        claimed.append(Claimed(task_id, attempt, body, kind))
    tally.queued -= len(taken)
    return claimed


def renew(db: sqlite3.Connection, worker: str, ids: Collection[str], until: float) -> set[str]:
    """Prolongs leases; the ids whose task is no longer the worker's."""
    lost = set()
    for task_id in ids:
        cursor = db.execute(
            "UPDATE tasks SET lease = ? WHERE id = ? AND worker = ? AND state = 'running'", [until, task_id, worker]
        )
        if not cursor.rowcount:
            lost.add(task_id)
    return lost


def finish(  # noqa: PLR0913, PLR0917
    db: sqlite3.Connection, tally: Tally, terms: Terms, worker: str, outcomes: Sequence[Outcome], now: float
) -> None:
    """Ends tasks that are still the worker's, or queues them again."""
    for outcome in outcomes:
        found = db.execute(
            "SELECT seq FROM tasks WHERE id = ? AND worker = ? AND attempts = ? AND state = 'running'",
            [outcome.id, worker, outcome.attempt],
        ).fetchone()
        if found is None:
            continue
        if outcome.again and outcome.attempt < terms.most_attempts:
            _queue_again(db, tally, (found[0], outcome.attempt), outcome.error)
        else:
            end(db, tally, found[0], outcome.result, outcome.error, now, now + terms.result_seconds)


def end(  # noqa: PLR0913, PLR0917
    db: sqlite3.Connection, tally: Tally, seq: int, result: bytes | None, error: str | None, now: float, expires: float
) -> None:
    """Ends a task for good: its body goes, its notice is due."""
    size = 0 if result is None else len(result)
    [before] = db.execute("SELECT size FROM tasks WHERE seq = ?", [seq]).fetchone()
    db.execute(
        "UPDATE tasks SET state = ?, ended = ?, error = ?, size = ?, expires = ?, worker = NULL, lease = NULL,"
        " callback_state = IIF(callback IS NULL, NULL, 'pending'), callback_next = IIF(callback IS NULL, NULL, ?)"
        " WHERE seq = ?",
        ["failed" if result is None else "succeeded", now, error, size, expires, now, seq],
    )
    db.execute("DELETE FROM bodies WHERE seq = ?", [seq])
    if result is not None:
        db.execute("INSERT INTO results VALUES (?, ?)", [seq, result])
    tally.bytes += size - before


def release(db: sqlite3.Connection, tally: Tally, worker: str, ids: Collection[str]) -> None:
    """Queues tasks that did not run, as if nobody had taken them."""
    for task_id in ids:
        cursor = db.execute(
            "UPDATE tasks SET state = 'queued', attempts = attempts - 1, started = NULL, worker = NULL, lease = NULL"
            " WHERE id = ? AND worker = ? AND state = 'running'",
            [task_id, worker],
        )
        tally.queued += cursor.rowcount


def cancel(db: sqlite3.Connection, tally: Tally, task_id: str, now: float, expires: float) -> None:
    """Ends a task that has not ended."""
    found = db.execute("SELECT seq, state FROM tasks WHERE id = ? AND expires IS NULL", [task_id]).fetchone()
    if found is None:
        return
    tally.queued -= found[1] == State.QUEUED
    end(db, tally, found[0], None, CANCELLED, now, expires)


def take_back(db: sqlite3.Connection, tally: Tally, terms: Terms, now: float, *, before: float) -> None:
    """Queues tasks again whose lease ended before a time, or fails them if they had all their attempts."""
    rows = db.execute("SELECT seq, attempts FROM tasks WHERE state = 'running' AND lease < ?", [before]).fetchall()
    for seq, attempts in rows:
        if attempts < terms.most_attempts:
            _queue_again(db, tally, (seq, attempts), None)
        else:
            end(db, tally, seq, None, died(attempts), now, now + terms.result_seconds)


def remove_expired(db: sqlite3.Connection, tally: Tally, now: float, most: int = 1000) -> None:
    """Removes ended tasks whose time is up, some at a time; a notice that is still due keeps its task."""
    rows = db.execute(
        "SELECT seq, size FROM tasks WHERE expires < ? AND callback_state IS NOT 'pending' LIMIT ?", [now, most]
    ).fetchall()
    for seq, size in rows:
        db.execute("DELETE FROM tasks WHERE seq = ?", [seq])
        db.execute("DELETE FROM results WHERE seq = ?", [seq])
        tally.bytes -= size
    [unused] = db.execute("PRAGMA freelist_count").fetchone()
    if unused > _PAGES:
        db.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()


def _queue_again(db: sqlite3.Connection, tally: Tally, row: Row, error: str | None) -> None:
    db.execute(
        "UPDATE tasks SET state = 'queued', worker = NULL, lease = NULL, error = ? WHERE seq = ?", [error, row[0]]
    )
    tally.queued += 1
