"""What is answered about a task. Pure."""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from gpux_predictor.serving.requests import JSON
from gpux_predictor.tasks.records import ENDED, CallbackStatus, State, Task

_STATUS = {
    State.QUEUED: "pending",
    State.RUNNING: "pending",
    State.SUCCEEDED: "success",
    State.FAILED: "failure",
}


def content(task: Task) -> bytes:
    """A task in JSON as the document shows it; a result is JSON already."""
    head: dict[str, Any] = {"task_id": task.id, "status": _STATUS[task.state]}
    if task.callback is not None:
        head["callback"] = _callback(task.callback)
    if task.error is not None:
        head["error"] = task.error
    shown = orjson.dumps(head)
    return shown if task.result is None else shown[:-1] + b',"result":' + task.result + b"}"


def described(task: Task) -> Response:
    """The answer to a poll; one that has to be repeated says when."""
    return Response(content(task), HTTPStatus.OK, None if task.state in ENDED else {"Retry-After": "1"}, JSON)


def _callback(status: CallbackStatus) -> dict[str, Any]:
    shown = {"url": status.url, "status": status.state.value, "attempts": status.attempts}
    return shown if status.error is None else {**shown, "error": status.error}


def row(task: Task) -> dict[str, Any]:
    """A task in the list: times in seconds since the epoch."""
    return {
        "task_id": task.id,
        "status": _STATUS[task.state],
        "running": task.state is State.RUNNING,
        "attempts": task.attempts,
        "submitted": task.submitted,
        "started": task.started,
        "ended": task.ended,
        "error": task.error,
    }
