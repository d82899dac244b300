"""What the scripts return, as records. Pure."""

from gpux_predictor.tasks.callback_records import Callback, CallbackState, CallbackStatus
from gpux_predictor.tasks.records import Claimed, Counts, State, Task


def task(row: list[bytes]) -> Task:
    """A task as `lua/shown.lua` gives it."""
    text = [value.decode("utf-8", "replace") for value in row[:11]]
    callback = None
    if text[7]:
        callback = CallbackStatus(text[7], CallbackState(text[8]), int(text[9]), text[10] or None)
    state = State(text[1])
    return Task(
        id=text[0],
        state=state,
        attempts=int(text[2]),
        submitted=float(text[3]),
        started=float(text[4]) if text[4] else None,
        ended=float(text[5]) if text[5] else None,
        result=bytes(row[11]) if state is State.SUCCEEDED and row[11] else None,
        error=text[6] if state is State.FAILED else None,
        callback=callback,
    )


def claimed(rows: list[tuple[bytes, int, bytes, bytes, bytes]]) -> list[Claimed]:
    """The tasks that `scripts.CLAIM` leased."""
    return [
        Claimed(task_id.decode(), int(attempt), body, kind.decode(), trace.decode() or None)
        for task_id, attempt, body, kind, trace in rows
    ]


def callbacks(rows: list[tuple[bytes, bytes, int, bytes]]) -> list[Callback]:
    """The notices that `scripts.DUE` leased."""
    return [
        Callback(task_id.decode(), url.decode(), int(attempt), trace.decode() or None)
        for task_id, url, attempt, trace in rows
    ]


def counts(row: tuple[int, int, int, int, bytes, int]) -> Counts:
    """The numbers of `scripts.COUNTS`."""
    queued, running, ended, failed, oldest, size = row
    states = {State.QUEUED: queued, State.RUNNING: running, State.SUCCEEDED: ended - failed, State.FAILED: failed}
    return Counts(states, max(0.0, float(oldest)), size)
