"""The gate before every route: ours, KServe's, and those that nobody has yet."""

from collections.abc import Sequence

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpux_predictor.access.buckets import Headers
from gpux_predictor.access.errors import RateLimited, Unauthorized
from gpux_predictor.access.gate import Gate
from gpux_predictor.access.paths import is_open
from gpux_predictor.errors import RequestError

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
        self._described = described

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] == "websocket":  # nothing here talks over them
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http" or is_open(scope["path"], described=self._described):
            await self._app(scope, receive, send)
            return
        try:
            client = self._gate.admit(scope["headers"])
        except RequestError as error:
            await refuse(scope["path"], error, send, self._said(error))
            return
        scope.setdefault("state", {})["client"] = client
        if self._gate.buckets is not None:
            send = _with(self._gate.headers(client), send)
        await self._app(scope, receive, send)

    def _said(self, error: RequestError) -> Headers:
        if isinstance(error, Unauthorized):
            return [(b"www-authenticate", self._challenge + error.challenge.encode())]
        if isinstance(error, RateLimited):
            return [(b"retry-after", b"%d" % error.retry_after_seconds), *error.headers]
        return []


async def refuse(path: str, error: RequestError, send: Send, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Answers a request that is not let in, in the words of its protocol, before its body is read.

    Args:
        path: of the request.
        error: why.
        send: of the ASGI interface.
        more: further headers.
    """
    key = "error" if path.startswith(("/v1/", "/v2")) else "detail"
    content = orjson.dumps({key: error.detail})
    headers = [_JSON, (b"content-length", b"%d" % len(content)), *more]
    await send({"type": "http.response.start", "status": int(error.status), "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _with(more: Headers, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending
