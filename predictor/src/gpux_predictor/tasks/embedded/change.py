"""A change of the file: what it works on, and the two ways in which a task leaves its worker."""

import sqlite3
from dataclasses import dataclass

from gpux_predictor.tasks.records import Terms


@dataclass
class Tally:
    """What would take long to count at each submission: tasks that wait, and bytes of bodies and results."""

    queued: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that a change needs. It runs inside a transaction that its caller begins and ends.

    Attributes:
        key: the secret of the ids.
        now: seconds since the epoch.
    """

    db: sqlite3.Connection
    tally: Tally
    terms: Terms
    key: bytes
    now: float


def count(db: sqlite3.Connection) -> Tally:
    """The tally of a file."""
    [queued] = db.execute("SELECT COUNT(*) FROM tasks WHERE state = 'queued'").fetchone()
    [size] = db.execute("SELECT COALESCE(SUM(size), 0) FROM tasks").fetchone()
    return Tally(queued, size)


def end(change: Change, seq: int, result: bytes | None, error: str | None) -> None:
    """Ends a task for good: its body goes, its notice is due."""
    db, now = change.db, change.now
    size = 0 if result is None else len(result)
    [before] = db.execute("SELECT size FROM tasks WHERE seq = ?", [seq]).fetchone()
    db.execute(
        "UPDATE tasks SET state = ?, ended = ?, error = ?, size = ?, expires = ?, worker = NULL, lease = NULL,"
        " callback_state = IIF(callback IS NULL, NULL, 'pending'), callback_next = IIF(callback IS NULL, NULL, ?)"
        " WHERE seq = ?",
        ["failed" if result is None else "succeeded", now, error, size, now + change.terms.result_seconds, now, seq],
    )
    db.execute("DELETE FROM bodies WHERE seq = ?", [seq])
    if result is not None:
        db.execute("INSERT INTO results VALUES (?, ?)", [seq, result])
    change.tally.bytes += size - before


def queue_again(change: Change, seq: int) -> None:
    """Puts a task back at its old place."""
    change.db.execute("UPDATE tasks SET state = 'queued', worker = NULL, lease = NULL WHERE seq = ?", [seq])
    change.tally.queued += 1
