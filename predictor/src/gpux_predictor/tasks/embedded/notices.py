"""Notices of tasks that have ended, in the same file, so that none is lost between an end and its notice."""

from collections.abc import Sequence

from gpux_predictor.tasks.embedded.change import Change
from gpux_predictor.tasks.records import Callback, CallbackOutcome


def due(change: Change, most: int, again_in: float) -> list[Callback]:
    """Notices whose time has come; each is due again after so many seconds unless it is settled before."""
    rows = change.db.execute(
        "SELECT seq, id, callback, callback_attempts, trace FROM tasks"
        " WHERE callback_state = 'pending' AND callback_next <= ? ORDER BY callback_next LIMIT ?",
        [change.now, most],
    ).fetchall()
    for seq, *_ in rows:
        change.db.execute(
            "UPDATE tasks SET callback_attempts = callback_attempts + 1, telling = callback_attempts + 1,"
            " callback_next = ? WHERE seq = ?",
            [change.now + again_in, seq],
        )
    return [Callback(task_id, url, attempts + 1, trace) for _, task_id, url, attempts, trace in rows]


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
    """Makes notices due whose attempt died with its process, the only one that sends them.

    Those that wait for their next try go on waiting. An attempt that a release without `telling` began has another number.
    """
    change.db.execute(
        "UPDATE tasks SET callback_next = ?, telling = NULL WHERE callback_state = 'pending' AND telling = callback_attempts",
        [change.now],
    )
