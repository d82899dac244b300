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
from starlette.types import ASGIApp

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
        middleware=[Middleware(BodyLimit)],
        exception_handlers={HTTPException: _refused, Exception: _broken},
    )
    app.router.redirect_slashes = (
        False  # a redirect names http, not the https of the ingress, and keys are sent with it
    )
    app.router.default = behind
    return app


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (what it is registered for)
    return as_json({"detail": error.detail}, error.status_code, error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    logger.error("a request to %s broke", request.url.path, exc_info=error)
    return as_json({"detail": f"Internal error: {type(error).__name__}"}, HTTPStatus.INTERNAL_SERVER_ERROR)
