"""Look-ups of predictions that were computed ahead."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_predictor import metrics
from gpux_predictor.errors import BadRequest
from gpux_predictor.precomputed.lookups import Lookups
from gpux_predictor.protocols.rest import Handler, answering_errors, as_json

DEFAULT_LIMIT, MOST_LIMIT = 1000, 10_000
_NO_RESULT = "No batch result yet: the first run has not finished"


def routes(lookups: Lookups | str) -> list[Route]:
    """The routes; without look-ups they say why there are none, which is then the argument."""
    found = {"/predict/batch/{entity:path}": _entity, "/predict/upcoming": _upcoming}
    return [Route(path, _answering(handler, lookups), methods=["GET"]) for path, handler in found.items()]


async def _entity(lookups: Lookups, request: Request) -> Response:
    entity = request.path_params["entity"]
    found = await lookups.find(entity)
    metrics.LOOKUPS.labels("unknown" if found is None else "found" if found.answer else "failed").inc()
    if found is None:
        return _missing(f"No prediction for '{entity}': the newest batch result does not have it")
    if found.answer is None:
        return _missing(f"No prediction for '{entity}': its row failed: {found.problem}")
    return Response(found.answer, media_type="application/json")


async def _upcoming(lookups: Lookups, request: Request) -> Response:
    query = request.query_params
    if unknown := query.keys() - {"limit", "after"}:
        raise BadRequest(f"Unknown parameter: '{sorted(unknown)[0]}'; there are 'limit' and 'after'")
    text, after = query.get("limit", str(DEFAULT_LIMIT)), query.get("after")
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 6 and 1 <= int(text) <= MOST_LIMIT):
        raise BadRequest(f"Invalid parameter 'limit': expected a number from 1 to {MOST_LIMIT}")
    page = await lookups.upcoming(int(text), after)
    if page is None:
        raise BadRequest(
            f"Invalid parameter 'after': the newest batch result does not have '{after}': begin again without it"
        )
    headers = {}
    if page.after is not None:
        headers["Link"] = f'</predict/upcoming?limit={text}&after={quote(page.after, safe="")}>; rel="next"'
    return Response(b"[" + b",".join(page.entries) + b"]", headers=headers, media_type="application/json")


def _answering(handler: Callable[[Lookups, Request], Awaitable[Response]], lookups: Lookups | str) -> Handler:
    async def answered(request: Request) -> Response:
        if isinstance(lookups, str):
            return _missing(f"{request.url.path} is closed: {lookups}")
        try:
            return await handler(lookups, request)
        except LookupError:
            metrics.LOOKUPS.labels("none").inc()
            return _missing(_NO_RESULT)

    return answering_errors(answered, "detail")


def _missing(detail: str) -> Response:
    return as_json({"detail": detail}, HTTPStatus.NOT_FOUND)
