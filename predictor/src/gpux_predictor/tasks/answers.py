"""A task as callers are told of it, in JSON: by polls and by callbacks."""

from typing import Any

import orjson

from gpux_predictor.tasks.callback_records import CallbackStatus
from gpux_predictor.tasks.records import State, Task

STATUS = {
    State.QUEUED: "pending",
    State.RUNNING: "pending",
    State.SUCCEEDED: "success",
    State.FAILED: "failure",
}


def content(task: Task) -> bytes:
    """`{"task_id", "status"}`, with `result` or `error` once the task has ended; a result is JSON already."""
    head: dict[str, Any] = {"task_id": task.id, "status": STATUS[task.state]}
    if task.callback is not None:
        head["callback"] = _callback(task.callback)
    if task.error is not None:
        head["error"] = task.error
    shown = orjson.dumps(head)
    return shown if task.result is None else shown[:-1] + b',"result":' + task.result + b"}"


def _callback(status: CallbackStatus) -> dict[str, Any]:
    shown = {"url": status.url, "status": status.state.value, "attempts": status.attempts}
    return shown if status.error is None else {**shown, "error": status.error}


def row(task: Task) -> dict[str, Any]:
    """A task in a list: times in seconds since the epoch."""
    return {
        "task_id": task.id,
        "status": STATUS[task.state],
        "running": task.state is State.RUNNING,
        "attempts": task.attempts,
        "submitted": task.submitted,
        "started": task.started,
        "ended": task.ended,
        "error": task.error,
    }
