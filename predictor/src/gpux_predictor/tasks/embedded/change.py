"""A change of the file: what it works on, and the two ways in which a task leaves its worker."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field

from gpux_predictor.tasks.records import State, Terms


@dataclass
class Tally:
    """What would take long to count each time.

    Attributes:
        states: tasks in each state.
        bytes: of bodies and results.
        unwritten: bytes of bodies in the transaction that is under way, which the disk does not show yet.
    """

    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    bytes: int = 0
    unwritten: int = 0

    @property
    def queued(self) -> int:
        """Tasks that wait."""
        return self.states[State.QUEUED]

    def move(self, before: State | None, after: State | None, count: int = 1) -> None:
        """Takes tasks from one state to another; None for none."""
        if before is not None:
            self.states[before] -= count
        if after is not None:
            self.states[after] += count

    def copy(self) -> "Tally":
        """As it is now."""
        return Tally(dict(self.states), self.bytes, self.unwritten)

    def restore(self, before: "Tally") -> None:
        """As it was then."""
        self.states, self.bytes, self.unwritten = before.states, before.bytes, before.unwritten


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that a change needs. It runs inside a transaction that its caller begins and ends.

    Attributes:
        key: the secret of the ids.
        now: seconds since the epoch.
        tick: seconds on a clock that is never set, for leases: only this process has any.
        room: bytes of the disk that bodies may take.
    """

    db: sqlite3.Connection
    tally: Tally
    terms: Terms
    key: bytes
    now: float
    tick: float
    room: Callable[[], int]


def count(db: sqlite3.Connection) -> Tally:
    """The tally of a file."""
    found = Tally()
    for state, number, size in db.execute("SELECT state, COUNT(*), SUM(size) FROM tasks GROUP BY state"):
        found.states[State(state)] = number
        found.bytes += size
    return found


def end(change: Change, seq: int, before: State, result: bytes | None, error: str | None) -> None:
    """Ends a task for good: its body goes, its notice is due."""
    db, now = change.db, change.now
    size, state = (0, State.FAILED) if result is None else (len(result), State.SUCCEEDED)
    [freed] = db.execute("SELECT size FROM tasks WHERE seq = ?", [seq]).fetchone()
    db.execute(
        "UPDATE tasks SET state = ?, ended = ?, error = ?, size = ?, expires = ?, worker = NULL, lease = NULL,"
        " callback_state = IIF(callback IS NULL, NULL, 'pending'), callback_next = IIF(callback IS NULL, NULL, ?)"
        " WHERE seq = ?",
        [state.value, now, error, size, now + change.terms.result_seconds, now, seq],
    )
    db.execute("DELETE FROM bodies WHERE seq = ?", [seq])
    if result is not None:
        db.execute("INSERT INTO results VALUES (?, ?)", [seq, result])
    change.tally.bytes += size - freed
    change.tally.move(before, state)


def queue_again(change: Change, seq: int) -> None:
    """Puts a running task back at its old place."""
    change.db.execute("UPDATE tasks SET state = 'queued', worker = NULL, lease = NULL WHERE seq = ?", [seq])
    change.tally.move(State.RUNNING, State.QUEUED)
