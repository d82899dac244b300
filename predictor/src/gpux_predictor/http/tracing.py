"""A span for each request over HTTP.

Names follow the semantic conventions for HTTP servers: the method and the route, or the method alone where there is no route. The
stages are attributes `gpux.<stage>_ms`.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from gpux_predictor.http.observers import Observed, Seen
from gpux_predictor.tracing import Kind, Span, Tracer

_OWN = (
    "/|/docs|/health|/info|/metrics|/model/info|/openapi[.]json|/page/form[.]json|/predict|/predict/async|/predict/upcoming|"
    "/monitoring/queue|/monitoring/tasks|/v1/models|/v2|/v2/health/live|/v2/health/ready|/v2/models"
)
_ROUTES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(_OWN), ""),
    (re.compile("/predict/batch/.+"), "/predict/batch/{entity}"),
    (re.compile("/monitoring/task_status/[^/]+"), "/monitoring/task_status/{id}"),
    (re.compile("/page/[^/]+"), "/page/{name}"),
    (re.compile("/v1/models/[^/:]+:predict"), "/v1/models/{name}:predict"),
    (re.compile("/v1/models/[^/:]+"), "/v1/models/{name}"),
    *(
        (re.compile(f"/v2/models/[^/]+{version}{call}"), f"/v2/models/{{name}}{shown}{call}")
        for version, shown in (("", ""), ("/versions/[^/]+", "/versions/{version}"))
        for call in ("", "/ready", "/infer")
    ),
)
"""Paths, and the names of their routes; empty where they are their own."""


def route_of(path: str) -> str | None:
    """The route that a path is of, which there are a few dozen of; None for any other, of which callers make up as many as they like."""
    plain = path.rstrip("/") or "/"
    return next((name or plain for pattern, name in _ROUTES if pattern.fullmatch(plain)), None)


class Traced:
    """An ASGI app with a span for each request; its `traceparent` is `state.traceparent` of the scope.

    Args:
        app: answers.
        tracer: makes the spans.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, route = scope["method"], route_of(scope["path"])
        attributes = {"http.request.method": method, "url.path": scope["path"]}
        if route is not None:
            attributes["http.route"] = route
        caller = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        name = method if route is None else f"{method} {route}"
        span = self._tracer.start(name, Kind.SERVER, attributes, caller=caller)
        scope.setdefault("state", {})["traceparent"] = span.traceparent
        await Observed(self._app, [lambda seen: _end(span, seen)])(scope, receive, send)


def _end(span: Span, seen: Seen) -> None:
    attributes: dict[str, str | int | float] = {
        "http.response.status_code": seen.status,
        **{f"gpux.{stage}_ms": value for stage, value in seen.stages().items()},
    }
    if seen.client is not None:
        attributes["gpux.client"] = seen.client
    span.end(attributes, failed=seen.status >= 500)
