"""What a file tells. Every function is one look at it."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from gpux_predictor.tasks.callback_records import CallbackState, CallbackStatus
from gpux_predictor.tasks.embedded.change import Change, Tally
from gpux_predictor.tasks.ids import no_such_task
from gpux_predictor.tasks.records import Counts, Page, State, Task

_COLUMNS = (
    "t.id, t.state, t.attempts, t.submitted, t.started, t.ended, t.error,"
    " t.callback, t.callback_state, t.callback_attempts, t.callback_error"
)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the file needs; `key` and `now` as in `Change`."""

    db: sqlite3.Connection
    key: bytes
    now: float


def get(look: Look | Change, task_id: str) -> Task:
    """A task with its result.

    Raises:
        NoSuchTask: it has expired, or never was.
    """
    found = look.db.execute(
        f"SELECT {_COLUMNS}, r.result FROM tasks t LEFT JOIN results r ON r.seq = t.seq"  # noqa: S608  (a constant)
        " WHERE t.id = ? AND (t.expires IS NULL OR t.expires >= ?)",
        [task_id, look.now],
    ).fetchone()
    if found is None:
        raise no_such_task(look.key, task_id)
    return _task(found)


def page(look: Look, states: Collection[State], after: str | None, most: int) -> Page:
    """Tasks of these states, the newest first, without results.

    Raises:
        NoSuchTask: there is no task `after`.
    """
    before = 2**62
    if after is not None:
        found = look.db.execute("SELECT seq FROM tasks WHERE id = ?", [after]).fetchone()
        if found is None:
            raise no_such_task(look.key, after)
        [before] = found
    marks = ",".join("?" * len(states))
    rows = look.db.execute(
        f"SELECT {_COLUMNS}, NULL FROM tasks t WHERE t.state IN ({marks}) AND t.seq < ?"  # noqa: S608  (constants)
        " AND (t.expires IS NULL OR t.expires >= ?) ORDER BY t.seq DESC LIMIT ?",
        [*states, before, look.now, most],
    ).fetchall()
    tasks = [_task(row) for row in rows]
    return Page(tasks, tasks[-1].id if len(tasks) == most else None)


def counts(look: Look, tally: Tally) -> Counts:
    """How many tasks there are."""
    states, size = dict(tally.states), tally.bytes
    oldest = look.db.execute("SELECT submitted FROM tasks WHERE state = 'queued' ORDER BY seq LIMIT 1").fetchone()
    return Counts(states, max(0.0, look.now - oldest[0]) if oldest else 0.0, size)


def _task(row: tuple[Any, ...]) -> Task:
    callback = None
    if row[7] is not None:
        callback = CallbackStatus(row[7], CallbackState(row[8]), row[9], row[10])
    state = State(row[1])
    error = row[6] if state is State.FAILED else None
    return Task(row[0], state, row[2], row[3], row[4], row[5], row[11], error, callback)
