"""The routes of tasks: submit, poll, cancel, list."""

import re
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_predictor.errors import BadRequest, RequestError
from gpux_predictor.protocols.disconnect import cancelled_on_disconnect
from gpux_predictor.protocols.rest import Handler, answering_errors, as_json, body_of
from gpux_predictor.serving.requests import JSON
from gpux_predictor.tasks import answers
from gpux_predictor.tasks.records import ENDED, NewTask, State, Task
from gpux_predictor.tasks.service import TaskService

SUBMIT_PATHS = ("/predict/async", "/predict/async/")
STATUS_PATH = "/monitoring/task_status/{task_id}"
MOST_WAIT_SECONDS = 60.0
MOST_LISTED = 1000
_STATES = {"pending": (State.QUEUED, State.RUNNING), "success": (State.SUCCEEDED,), "failure": (State.FAILED,)}


def routes(tasks: TaskService, *, listed: bool) -> list[Route]:
    """The routes of one model's tasks.

    Args:
        tasks: the tasks.
        listed: whether callers may see the tasks of others.
    """

    async def submit(request: Request) -> Response:
        body = await body_of(request)
        state = request.scope.get("state", {})
        task = NewTask(
            body,
            request.headers.get("content-type", JSON),
            request.headers.get("idempotency-key"),
            request.query_params.get("callback_url") or request.headers.get("callback-url"),
            state.get("client"),
            state.get("traceparent"),
        )
        submitted = await tasks.submit(task)
        where = STATUS_PATH.format(task_id=submitted.id)
        headers = {"Location": where, "Queue-Position": str(submitted.position)}
        answer = {"task_id": submitted.id, "status": "submitted", "status_url": where}
        return as_json(answer, HTTPStatus.ACCEPTED, headers)

    async def status(request: Request) -> Response:
        seconds = _number(request, "wait", 0.0, MOST_WAIT_SECONDS)
        task_id = request.path_params["task_id"]
        if not seconds:
            return _described(await tasks.status(task_id))
        with cancelled_on_disconnect(request.receive):
            return _described(await tasks.status(task_id, seconds))

    async def cancel(request: Request) -> Response:
        return _described(await tasks.cancel(request.path_params["task_id"]))

    async def queue(_: Request) -> Response:
        counts = await tasks.counts()
        shown = {state.value: counts.states.get(state, 0) for state in State}
        return as_json({**shown, "oldest_seconds": round(counts.oldest_seconds, 3), "stored_bytes": counts.bytes})

    async def page(request: Request) -> Response:
        if not listed:
            raise NotListed("Tasks are not listed: spec.async.listed is false")
        found = await tasks.page(_wanted(request), request.query_params.get("after"), _limit(request))
        return as_json({"tasks": [answers.row(task) for task in found.tasks], "after": found.after})

    return [
        *(_route(path, submit, "POST") for path in SUBMIT_PATHS),
        Route(STATUS_PATH, answering_errors(_by_method(status, cancel), "detail"), methods=["GET", "DELETE"]),
        _route("/monitoring/tasks", page, "GET"),
        _route("/monitoring/queue", queue, "GET"),
    ]


class NotListed(RequestError):
    """The manifest does not want tasks to be listed."""

    status = HTTPStatus.NOT_FOUND


def _by_method(get: Handler, delete: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        return await (delete if request.method == "DELETE" else get)(request)

    return answer


def _described(task: Task) -> Response:
    """The answer to a poll; one that has to be repeated says when."""
    headers = None if task.state in ENDED else {"Retry-After": "1"}
    return Response(answers.content(task), HTTPStatus.OK, headers, JSON)


def _wanted(request: Request) -> list[State]:
    names = request.query_params.getlist("status") or list(_STATES)
    if unknown := [name for name in names if name not in _STATES]:
        raise BadRequest(f"Invalid status: '{unknown[0]}': expected {', '.join(_STATES)}")
    return [state for name in dict.fromkeys(names) for state in _STATES[name]]


def _number(request: Request, name: str, default: float, most: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise BadRequest(f"Invalid {name}: '{text[:50]}': expected a number from 0 to {most:g}")
    return value


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "100")
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MOST_LISTED:
        raise BadRequest(f"Invalid limit: '{text[:50]}': expected a whole number from 1 to {MOST_LISTED}")
    return int(text)


def _route(path: str, handler: Handler, method: str) -> Route:
    return Route(path, answering_errors(handler, "detail"), methods=[method])
