"""A worker takes tasks, keeps them, ends them or gives them back."""

from collections.abc import Collection, Sequence

from gpux_predictor.tasks.embedded.change import Change, end, queue_again
from gpux_predictor.tasks.records import Appetite, Claimed, Outcome, State
from gpux_predictor.tasks.store import CANCELLED


def claim(change: Change, worker: str, appetite: Appetite) -> list[Claimed]:
    """Leases tasks; one that saw a worker die comes alone, and only to who runs nothing else."""
    claimed = []
    for seq in _next(change, appetite):
        task_id, attempt, kind, trace = change.db.execute(
            "UPDATE tasks SET state = 'running', attempts = attempts + 1, started = ?, worker = ?, lease = ?"
            " WHERE seq = ? RETURNING id, attempts, type, trace",
            [change.now, worker, change.tick + change.terms.lease_seconds, seq],
        ).fetchone()
        [body] = change.db.execute("SELECT body FROM bodies WHERE seq = ?", [seq]).fetchone()
        claimed.append(Claimed(task_id, attempt, body, kind, trace))
    change.tally.move(State.QUEUED, State.RUNNING, len(claimed))
    return claimed


def _next(change: Change, appetite: Appetite) -> list[int]:
    """The tasks that a worker may have now, in their order."""
    rows = change.db.execute(
        "SELECT seq, attempts, size FROM tasks WHERE state = 'queued' ORDER BY seq LIMIT ?", [appetite.tasks]
    ).fetchall()
    if not rows:
        return []
    if rows[0][1]:
        return [rows[0][0]] if appetite.idle else []
    taken: list[int] = []
    size = 0
    for seq, attempts, length in rows:
        size += length
        if taken and (attempts or size > appetite.bytes):
            break
        taken.append(seq)
    return taken


def renew(change: Change, worker: str, ids: Collection[str]) -> set[str]:
    """Prolongs leases; the ids whose task is no longer the worker's."""
    until, lost = change.tick + change.terms.lease_seconds, set()
    for task_id in ids:
        cursor = change.db.execute(
            "UPDATE tasks SET lease = ? WHERE id = ? AND worker = ? AND state = 'running'", [until, task_id, worker]
        )
        if not cursor.rowcount:
            lost.add(task_id)
    return lost


def finish(change: Change, worker: str, outcomes: Sequence[Outcome]) -> None:
    """Ends tasks that are still the worker's, or queues them again."""
    for outcome in outcomes:
        found = change.db.execute(
            "SELECT seq FROM tasks WHERE id = ? AND worker = ? AND attempts = ? AND state = 'running'",
            [outcome.id, worker, outcome.attempt],
        ).fetchone()
        if found is None:
            continue
        if outcome.again and outcome.attempt < change.terms.most_attempts:
            queue_again(change, found[0])
        else:
            end(change, found[0], State.RUNNING, outcome.result, outcome.error)


def release(change: Change, worker: str, ids: Collection[str]) -> None:
    """Queues tasks that did not run, as if nobody had taken them."""
    for task_id in ids:
        cursor = change.db.execute(
            "UPDATE tasks SET state = 'queued', attempts = attempts - 1, started = NULL, worker = NULL, lease = NULL"
            " WHERE id = ? AND worker = ? AND state = 'running'",
            [task_id, worker],
        )
        change.tally.move(State.RUNNING, State.QUEUED, cursor.rowcount)


def cancel(change: Change, task_id: str) -> None:
    """Ends a task that has not ended."""
    found = change.db.execute("SELECT seq, state FROM tasks WHERE id = ? AND expires IS NULL", [task_id]).fetchone()
    if found is not None:
        end(change, found[0], State(found[1]), None, CANCELLED)


def recover(change: Change, worker: str, held: Collection[str]) -> None:
    """Gives back what the worker has leased without knowing it."""
    rows = change.db.execute("SELECT id FROM tasks WHERE state = 'running' AND worker = ?", [worker]).fetchall()
    release(change, worker, [task_id for [task_id] in rows if task_id not in held])
