"""Reading a request body: its type, and no more of it than the server takes."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpux_predictor.errors import UnsupportedMedia

MAX_BODY_BYTES = 100 * 2**20
"""The largest body taken, in bytes: a batch of 50 images of 224x224x3 as JSON fits."""


class BodyLimit:
    """ASGI middleware that answers 413 to larger bodies, announced or sent, on every route.

    Starlette's own answers an announced one in plain text; here every error is `{"detail": "…"}`.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit
        self._detail = f"The request body is larger than {limit} bytes: send fewer samples at once"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        announced = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if announced.isdigit() and int(announced) > self._limit:
            response = JSONResponse({"detail": self._detail}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            await response(scope, receive, send)
            return
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._detail)
            return message

        await self._app(scope, limited, send)


async def read_json(request: Request) -> bytes:
    """The body of a JSON request, unparsed.

    Raises:
        UnsupportedMedia: another content type.
    """
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise UnsupportedMedia(f"Unsupported content type '{content_type}': send application/json")
    return await request.body()
