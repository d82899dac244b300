"""A task comes in."""

from gpux_predictor.tasks.embedded.change import Change
from gpux_predictor.tasks.ids import new_id
from gpux_predictor.tasks.records import NewTask, State, Submitted
from gpux_predictor.tasks.store import KeyReused, QueueFull, StoreFull, full, no_room, reused


def submit(change: Change, task: NewTask) -> Submitted:
    """Takes a task in.

    Raises:
        KeyReused, QueueFull, StoreFull: before anything is written.
    """
    db, tally, terms = change.db, change.tally, change.terms
    digest = task.digest() if task.key else None
    if task.key and (found := _same_key(change, task.key, digest)):
        return found
    if tally.queued >= terms.most_queued:
        raise QueueFull(full(terms.most_queued))
    if tally.bytes + len(task.body) > terms.most_bytes:
        raise StoreFull(no_room(terms.most_bytes))
    if change.room() - tally.unwritten < 2 * len(task.body):
        raise StoreFull("The disk with the tasks is nearly full: nothing that was accepted is lost")
    task_id = new_id(change.key)
    state = "waiting" if task.callback else None
    [seq] = db.execute(
        "INSERT INTO tasks (id, state, type, size, submitted, key, digest, callback, callback_state, trace)"
        " VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        [task_id, task.content_type, len(task.body), change.now, task.key, digest, task.callback, state, task.trace],
    ).fetchone()
    db.execute("INSERT INTO bodies VALUES (?, ?)", [seq, task.body])
    tally.move(None, State.QUEUED)
    tally.bytes += len(task.body)
    tally.unwritten += 2 * len(task.body)
    return Submitted(task_id, tally.queued)


def _same_key(change: Change, key: str, digest: bytes | None) -> Submitted | None:
    found = change.db.execute("SELECT id, digest, seq, state, expires FROM tasks WHERE key = ?", [key]).fetchone()
    if found is None:
        return None
    task_id, before, seq, state, expires = found
    if expires is not None and expires < change.now:
        change.db.execute("UPDATE tasks SET key = NULL WHERE seq = ?", [seq])
        return None
    if before != digest:
        raise KeyReused(reused(key))
    position = 0
    if state == State.QUEUED:
        [position] = change.db.execute(
            "SELECT COUNT(*) FROM tasks WHERE state = 'queued' AND seq <= ?", [seq]
        ).fetchone()
    return Submitted(task_id, position, fresh=False)
