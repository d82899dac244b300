"""The gate before every route: ours, KServe's, and those that nobody has yet.

Open are what probes and Prometheus ask, which have no keys, and the page at `/`, which asks its reader for one.
"""

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpux_predictor.access.buckets import Headers
from gpux_predictor.access.errors import RateLimited, Unauthorized
from gpux_predictor.access.gate import Gate
from gpux_predictor.errors import RequestError

OPEN = frozenset({"/health", "/metrics", "/v2/health/live", "/v2/health/ready", "/"})
DESCRIPTION = frozenset({"/info", "/model/info", "/openapi.json", "/docs", "/page/form.json"})
"""What tells of the model and runs nothing."""
_FILES = "/page/"
_JSON = (b"content-type", b"application/json")


class Guarded:
    """An ASGI app that lets a request on if the gate does; its client is `state.client` of the scope.

    Args:
        app: answers those that are let in.
        gate: says which.
        realm: what the keys are for, in `WWW-Authenticate`.
        described: whether the model is described without a key.
    """

    def __init__(self, app: ASGIApp, gate: Gate, realm: str, *, described: bool) -> None:
        self._app = app
        self._gate = gate
        self._challenge = f'Bearer realm="{realm}"'.encode()
        self._open = OPEN | DESCRIPTION if described else OPEN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._is_open(scope["path"])):
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here talks over WebSockets
            await send({"type": "websocket.close"})
            return
        try:
            client = self._gate.admit(scope["headers"])
        except RequestError as error:
            await self._refuse(scope["path"], error, send)
            return
        scope.setdefault("state", {})["client"] = client
        if self._gate.buckets is not None:
            send = _with(self._gate.headers(client), send)
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        if path in self._open:
            return True
        return path.startswith(_FILES) and "/" not in path[len(_FILES) :] and path not in DESCRIPTION

    async def _refuse(self, path: str, error: RequestError, send: Send) -> None:
        key = "error" if path.startswith(("/v1/", "/v2")) else "detail"
        content = orjson.dumps({key: error.detail})
        headers = [_JSON, (b"content-length", b"%d" % len(content))]
        if isinstance(error, Unauthorized):
            headers.append((b"www-authenticate", self._challenge + error.challenge.encode()))
        if isinstance(error, RateLimited):
            headers += [(b"retry-after", b"%d" % error.retry_after_seconds), *error.headers]
        await send({"type": "http.response.start", "status": int(error.status), "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _with(more: Headers, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending
