"""Web pages of other origins may not make a model without keys work, unless they are named.

CORS keeps answers from them and stops at no simple request: a POST without a content type, or a form, is sent without a preflight.
What a browser says of a request is `Sec-Fetch-Site` (W3C, Fetch Metadata Request Headers, 2.3), which no script can set; the rule is
that of Go's `net/http.CrossOriginProtection`.
"""

from collections.abc import Iterable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from gpux_predictor import metrics
from gpux_predictor.access.errors import CrossOrigin
from gpux_predictor.http.guarded import refuse

SITE = b"sec-fetch-site"
OWN = frozenset({b"same-origin", b"none"})
"""What a browser says of a page of the server's own, and of its user."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class SameOrigin:
    """An ASGI app that lets a request on unless a browser says that it comes from a page which is not named.

    Args:
        app: answers those that are let on.
        origins: of pages that may ask; not `*`.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] == "http" and scope["method"] not in _SAFE and is_foreign(scope["headers"]):
            origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
            if origin not in self._origins:
                metrics.REFUSED["cross_origin"] += 1
                await refuse(scope["path"], CrossOrigin(origin.decode("latin-1")), send)
                return
        await self._app(scope, receive, send)


def is_foreign(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a browser says that a page of another origin asks; programs say nothing.

    Args:
        headers: of the request, names in lower case.
    """
    return any(name == SITE and value not in OWN for name, value in headers)
