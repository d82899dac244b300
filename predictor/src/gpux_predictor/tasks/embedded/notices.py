"""Notices of tasks that have ended, in the same file, so that none is lost between an end and its notice."""

from collections import Counter
from collections.abc import Sequence

from gpux_predictor.tasks.callback_records import (
    CALLBACKS_KEPT_FREE,
    CALLBACKS_LOOKED_AT,
    CALLBACKS_OF_A_HOST,
    Callback,
    CallbackOutcome,
)
from gpux_predictor.tasks.embedded.change import Change


def due(change: Change, most: int, again_in: float, under_way: Sequence[str] = ()) -> list[Callback]:
    """Notices whose time has come; each is due again after so many seconds unless it is settled before."""
    hosts = Counter(under_way)
    found = _take(change, "ASC", most, again_in, hosts)
    if max(hosts.values(), default=0) >= CALLBACKS_OF_A_HOST:
        found += _take(change, "DESC", most - len(found), again_in, hosts)
        found += _take(change, "ASC", most - len(found) - CALLBACKS_KEPT_FREE, again_in)
    return found


def _take(change: Change, order: str, most: int, again_in: float, hosts: Counter[str] | None = None) -> list[Callback]:
    """Leases notices whose hosts have room (all of them, without `hosts`), from one end of those that are due."""
    if most <= 0:
        return []
    rows = change.db.execute(
        "SELECT seq, id, callback, callback_attempts, trace FROM tasks"  # noqa: S608  (a constant)
        f" WHERE callback_state = 'pending' AND callback_next <= ? ORDER BY callback_next {order} LIMIT ?",
        [change.now, CALLBACKS_LOOKED_AT],
    ).fetchall()
    found: list[Callback] = []
    for seq, task_id, url, attempts, trace in rows:
        callback = Callback(task_id, url, attempts + 1, trace)
        if len(found) == most:
            break
        if hosts is not None:
            if hosts[callback.host] >= CALLBACKS_OF_A_HOST:
                continue
            hosts[callback.host] += 1
        change.db.execute(
            "UPDATE tasks SET callback_attempts = ?, telling = ?, callback_next = ? WHERE seq = ?",
            [callback.attempt, callback.attempt, change.now + again_in, seq],
        )
        found.append(callback)
    return found


def settle(change: Change, outcomes: Sequence[CallbackOutcome]) -> None:
    """Says how notices went; one that was sent again meanwhile is not touched."""
    for outcome in outcomes:
        if outcome.error is None:
            state, later = "delivered", None
        elif outcome.again_in is None:
            state, later = "failed", None
        else:
            state, later = "pending", change.now + outcome.again_in
        change.db.execute(
            "UPDATE tasks SET callback_state = ?, callback_next = ?, callback_error = ?, telling = NULL"
            " WHERE id = ? AND callback_attempts = ? AND callback_state = 'pending'",
            [state, later, outcome.error, outcome.id, outcome.attempt],
        )


def release(change: Change) -> None:
    """Makes notices due whose attempt died with its process, the only one that sends them; the attempt does not count.

    Those that wait for their next try go on waiting. An attempt that a release without `telling` began has another number.
    """
    change.db.execute(
        "UPDATE tasks SET callback_next = ?, callback_attempts = callback_attempts - 1, telling = NULL"
        " WHERE callback_state = 'pending' AND telling = callback_attempts",
        [change.now],
    )
