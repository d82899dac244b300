"""What is done without anybody asking: tasks whose worker is gone are taken back, those whose time is up go."""

from gpux_predictor.tasks.callback_records import NOTICE_SECONDS
from gpux_predictor.tasks.embedded.change import Change, end, queue_again
from gpux_predictor.tasks.records import State
from gpux_predictor.tasks.store import died

_MOST_AT_ONCE = 1000
_PAGES = 2048
"""Unused pages of 4 KiB that the file keeps; more go back to the disk, so many at a time."""


def take_back(change: Change, *, before: float) -> None:
    """Queues tasks again whose lease ended before a tick, or fails them if they had all their attempts."""
    rows = change.db.execute(
        "SELECT seq, attempts FROM tasks WHERE state = 'running' AND lease < ?", [before]
    ).fetchall()
    for seq, attempts in rows:
        if attempts < change.terms.most_attempts:
            queue_again(change, seq)
        else:
            end(change, seq, State.RUNNING, None, died(attempts))


def remove_expired(change: Change) -> bool:
    """Removes ended tasks whose time is up, some at a time; whether there may be more.

    A notice that is due keeps its task, unless nothing has become of it for long: nobody sends it any more.
    """
    rows = change.db.execute(
        "SELECT seq, size, state FROM tasks WHERE expires < ?"
        " AND (callback_state IS NOT 'pending' OR expires < ?) LIMIT ?",
        [change.now, change.now - NOTICE_SECONDS, _MOST_AT_ONCE],
    ).fetchall()
    for seq, size, state in rows:
        change.db.execute("DELETE FROM tasks WHERE seq = ?", [seq])
        change.db.execute("DELETE FROM results WHERE seq = ?", [seq])
        change.tally.bytes -= size
        change.tally.move(State(state), None)
    [unused] = change.db.execute("PRAGMA freelist_count").fetchone()
    if unused > _PAGES:
        change.db.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
    return len(rows) == _MOST_AT_ONCE
