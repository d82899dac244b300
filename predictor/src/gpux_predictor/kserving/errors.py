"""What KServe's routes make of a malformed body: 400 with a sentence, where they would break with 500 and a traceback."""

from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MAX_DETAIL = 300


class MalformedRequests:
    """ASGI middleware for `/v1/` and `/v2/`.

    Our model raises nothing but what KServe turns into an answer, so an exception that comes this far is KServe's own decoding
    of the request (0.21 reads JSON and binary headers without checking their types).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] != "http" or not scope["path"].startswith(("/v1/", "/v2/")):
            await self._app(scope, receive, send)
            return
        started = False

        async def noticing(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noticing)
        except Exception as error:
            if started:
                raise
            response = _answer(f"Invalid request body: {error}")
            await response(scope, receive, send)


async def invalid_fields(_: Request, error: Exception) -> JSONResponse:
    """The first of FastAPI's complaints, without the body that it would send back."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": str(error)}
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return _answer(f"Invalid request body: {where}: {first['msg']}")


def _answer(detail: str) -> JSONResponse:
    printable = detail.encode("ascii", "replace").decode()[:_MAX_DETAIL]
    return JSONResponse({"error": printable}, HTTPStatus.BAD_REQUEST)
