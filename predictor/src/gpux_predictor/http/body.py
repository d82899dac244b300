"""Reading a request body: its type, and no more of it than the server takes."""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpux_predictor.errors import ClientGone, PayloadTooLarge
from gpux_predictor.serving.requests import JSON

MAX_BODY_BYTES = 100 * 2**20
"""The largest body taken, in bytes: a batch of 50 images of 224x224x3 as JSON fits."""


class BodyLimit:
    """ASGI middleware that answers 413 to larger bodies, announced or sent, on every route.

    Starlette's own answers an announced one in plain text; here every error is `{"detail": "…"}`.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] == "http" and announces_more(scope["headers"], self._limit):
            response = JSONResponse({"detail": _too_large(self._limit)}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            await response(scope, receive, send)
            return
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(self._limit))
            return message

        await self._app(scope, limited, send)


def _too_large(limit: int) -> str:
    return f"The request body is larger than {limit} bytes: send fewer samples at once"


def announces_more(headers: Iterable[tuple[bytes, bytes]], limit: int) -> bool:
    """Whether the announced length of a body is more than `limit` bytes. It may have thousands of digits, which int() refuses."""
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            digits = value.lstrip(b"0")
            return len(digits) > len(str(limit)) or int(digits or b"0") > limit
    return False


def content_type(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The header with its parameters; JSON where there is none."""
    for name, value in headers:
        if name == b"content-type":
            return value.decode("latin-1")
    return JSON


async def read(receive: Receive, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The body of a request.

    Raises:
        PayloadTooLarge: announced or sent.
        ClientGone: the client closed the connection in the middle of it.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return _within(message["body"])
    if announces_more(headers, MAX_BODY_BYTES):
        raise PayloadTooLarge(_too_large(MAX_BODY_BYTES))
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise PayloadTooLarge(_too_large(MAX_BODY_BYTES))
        if not message.get("more_body", False):
            return b"".join((*parts, part))
        parts.append(part)
        message = await receive()


def _within(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(_too_large(MAX_BODY_BYTES))
    return body
