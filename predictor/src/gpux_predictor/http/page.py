"""The page on which the model is tried: `GET /` for browsers, and what it loads."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_predictor.openapi.graph import Graph
from gpux_predictor.page import files
from gpux_predictor.page.form import form
from gpux_predictor.protocols.rest import as_json
from gpux_predictor.serving.service import ModelService

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""Nothing comes from elsewhere, nothing is sent elsewhere, and no markup is made from text."""
_COMMON = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HEAD = b"<head>"
Handler = Callable[[Request], Awaitable[Response]]


def routes(service: ModelService, *, shown: bool) -> list[Route]:
    """The routes; without the page `/` says only that the server is alive, as KServe's does.

    Args:
        service: the model.
        shown: whether there is a page.
    """
    found = files.read() if shown else {}
    index = found.pop(files.INDEX, None)

    async def root(request: Request) -> Response:
        if index is None or not wants_html(request.headers):
            answer = as_json({"status": "alive"}, headers={"Vary": "Accept"})
        else:
            answer = _sent(request, _under(request.headers.get("x-forwarded-prefix", ""), index))
            answer.headers["Content-Security-Policy"] = POLICY
            answer.headers["Vary"] = "Accept, X-Forwarded-Prefix"
        return answer

    async def file(request: Request) -> Response:
        wanted = found.get(request.path_params["name"])
        return as_json({"detail": "Not Found"}, HTTPStatus.NOT_FOUND) if wanted is None else _sent(request, wanted)

    page = [Route("/page/form.json", _form(service), methods=["GET"]), Route("/page/{name}", file, methods=["GET"])]
    return [Route("/", root, methods=["GET"]), *(page if shown else ())]


def wants_html(headers: Headers) -> bool:
    """Whether a client names HTML and likes it as well as JSON (RFC 9110, 12.5.1): browsers do, `*/*` does not."""
    liked = dict.fromkeys(("text/html", "application/json"), 0.0)
    for part in ",".join(headers.getlist("accept")).split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if kind in liked:
            liked[kind] = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    return 0.0 < liked["text/html"] >= liked["application/json"]


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 0.0


def _form(service: ModelService) -> Handler:
    async def answered(_: Request) -> Response:
        if (loaded := service.loaded) is None:
            return as_json(service.health.describe(service.name), HTTPStatus.SERVICE_UNAVAILABLE, _COMMON)
        graph = Graph(loaded.signature, loaded.pipeline.axis)
        return as_json(form(service.model, graph), headers=_COMMON)

    return answered


def _sent(request: Request, file: files.File) -> Response:
    headers = _COMMON | {"ETag": file.tag}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if file.tag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _under(prefix: str, index: files.File) -> files.File:
    """The page for a proxy that takes a prefix off and says so: its addresses hold without a slash at the end, too."""
    if not _PREFIX.fullmatch(prefix := prefix.rstrip("/")):
        return index
    base = b'%b\n<base href="%b/">' % (_HEAD, prefix.encode())
    return files.made(index.content.replace(_HEAD, base, 1), "html")
