"""The routes of tasks."""

from typing import Any

from gpux_api.v1alpha1.resource import GpuxModelSpec
from gpux_predictor.openapi.parts import answer, errors, operation, takes
from gpux_predictor.openapi.tensors import Schema, exactly

_ID: Schema = {"type": "string"}
_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_SECONDS: Schema = {"type": ["number", "null"], "description": "Seconds since the epoch."}
_SUBMIT = (400, 413, 415, 422, 429, 503, 507)
_CALLBACK: Schema = exactly(
    {
        "url": _TEXT,
        "status": {"enum": ["waiting", "pending", "delivered", "failed"]},
        "attempts": _COUNT,
        "error": _TEXT,
    },
    ["url", "status", "attempts"],
    "Callback",
)


def paths(spec: GpuxModelSpec, bodies: dict[str, Any], result: Schema) -> dict[str, Any]:
    """The operations, by path.

    Args:
        spec: the manifest's.
        bodies: what /predict takes, by media type.
        result: the schema of a task's result.
    """
    one = "/monitoring/task_status/{task_id}"
    poll = _operation("taskStatus", "Poll a task", result, (400, 404, 503))
    wait = _parameter("query", "wait", {"type": "number", "minimum": 0, "maximum": 60}, "Seconds to wait for the end.")
    identifier = _parameter("path", "task_id", _ID, "As it was submitted.") | {"required": True}
    cancel = _operation("cancelTask", "Cancel a task", result, (404, 503))
    found = {
        "/predict/async": {"post": _submit(bodies, told=spec.async_ is not None and spec.async_.callbacks is not None)},
        one: {
            "get": poll | {"parameters": [identifier, wait]},
            "delete": cancel | {"parameters": [identifier]},
        },
        "/monitoring/queue": {"get": _queue()},
    }
    listed = spec.async_ is not None and spec.async_.listed
    return found | ({"/monitoring/tasks": {"get": _list()}} if listed else {})


def _submit(bodies: dict[str, Any], *, told: bool) -> dict[str, Any]:
    """The operation that submits; `told` where the manifest has callbacks, which no other model takes."""
    content = exactly({"task_id": _ID, "status": {"const": "submitted"}, "status_url": _TEXT}, title="Submitted task")
    headers = {
        "Location": {"description": "Where it is polled.", "required": True, "schema": _TEXT},
        "Queue-Position": {"description": "How many wait, this one included.", "required": True, "schema": _COUNT},
    }
    responses = {"202": answer(content, "The task is accepted, and on the disk.", headers)} | errors(_SUBMIT, "Detail")
    key = {"type": "string", "minLength": 1, "maxLength": 255}
    parameters = [_parameter("header", "Idempotency-Key", key, "The same key and body again are the same task.")]
    if told:
        parameters.append(_parameter("query", "callback_url", _TEXT, "Where the end of the task is told."))
    return operation("Tasks", "submitTask", "Submit a task", responses) | takes(bodies) | {"parameters": parameters}


def _operation(identifier: str, summary: str, result: Schema, codes: tuple[int, ...]) -> dict[str, Any]:
    """An operation that answers with a task."""
    same = {"task_id": _ID, "callback": _CALLBACK}
    pending = exactly({**same, "status": {"const": "pending"}}, ["task_id", "status"], "Pending task")
    success = exactly(
        {**same, "status": {"const": "success"}, "result": result}, ["task_id", "status", "result"], "Succeeded task"
    )
    failure = exactly(
        {**same, "status": {"const": "failure"}, "error": _TEXT}, ["task_id", "status", "error"], "Failed task"
    )
    shown = answer({"oneOf": [pending, success, failure]}, "The task as it is.")
    return operation("Tasks", identifier, summary, {"200": shown} | errors(codes, "Detail"))


def _queue() -> dict[str, Any]:
    states = dict.fromkeys(("queued", "running", "succeeded", "failed", "stored_bytes"), _COUNT)
    content = exactly({**states, "oldest_seconds": {"type": "number", "minimum": 0}}, title="Queue")
    responses = {"200": answer(content, "How many tasks there are.")} | errors((503,), "Detail")
    return operation("Tasks", "queue", "The depth of the queue", responses)


def _list() -> dict[str, Any]:
    row = exactly(
        {
            "task_id": _ID,
            "status": {"enum": ["pending", "success", "failure"]},
            "running": {"type": "boolean"},
            "attempts": _COUNT,
            "submitted": _SECONDS,
            "started": _SECONDS,
            "ended": _SECONDS,
            "error": {"type": ["string", "null"]},
        },
        title="Listed task",
    )
    content = exactly(
        {"tasks": {"type": "array", "items": row}, "after": {"type": ["string", "null"]}}, title="Page of tasks"
    )
    responses = {"200": answer(content, "Tasks, the newest first.")} | errors((400, 404, 503), "Detail")
    parameters = [
        _parameter("query", "status", {"enum": ["pending", "success", "failure"]}, "Only these; may be repeated."),
        _parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "At most."),
        _parameter("query", "after", _ID, "`after` of the page before."),
    ]
    return operation("Tasks", "tasks", "List tasks", responses) | {"parameters": parameters}


def _parameter(place: str, name: str, schema: Schema, description: str) -> dict[str, Any]:
    return {"in": place, "name": name, "schema": schema, "description": description}
