"""Our routes in front of KServe's app: a request that they answer meets none of its middleware and routing, which cost more than a
small run does.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpux_predictor.http.body import BodyLimit
from gpux_predictor.protocols.rest import as_json

logger = logging.getLogger(__name__)


def front(routes: Sequence[BaseRoute], behind: ASGIApp) -> Starlette:
    """An app with our routes, and another's behind them; the limit of body sizes holds for both.

    Args:
        routes: what is ours, with every method: a path that only its method does not fit is a 405 here.
        behind: answers every other path.
    """
    app = Starlette(
        routes=list(routes),
        middleware=[Middleware(Unbroken), Middleware(BodyLimit)],
        exception_handlers={HTTPException: _refused},
    )
    app.router.redirect_slashes = (
        False  # a redirect names http, not the https of the ingress, and keys are sent with it
    )
    app.router.default = behind
    return app


class Unbroken:
    """ASGI middleware that answers 500 where the app breaks, and logs it once: Starlette's own lets the server log it again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = False

        async def noticing(message: Message) -> None:
            nonlocal begun, ended
            begun = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, noticing)
        except Exception as error:
            if begun and not ended:
                raise  # the server logs it, and closes the connection
            logger.error("a request to %s broke", scope["path"], exc_info=error)
            if not begun:
                broken = {"detail": f"Internal error: {type(error).__name__}"}
                await as_json(broken, HTTPStatus.INTERNAL_SERVER_ERROR)(scope, receive, send)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (what it is registered for)
    return as_json({"detail": error.detail}, error.status_code, error.headers)
