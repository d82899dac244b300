"""Lets scripts of other origins ask, where the manifest names them (Fetch standard, CORS protocol)."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_ASKED = (
    "Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Callback-Url", "Inference-Header-Content-Length",
    "Traceparent", "Tracestate",
)  # fmt: skip
"""Headers that a script may send."""
_SHOWN = (
    "Server-Timing", "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate", "Location", "Queue-Position", "Link",
    "Inference-Header-Content-Length",
)  # fmt: skip
"""Headers that a script may read."""


def cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """The app for these origins, too; a preflight is answered before a key is asked for, since browsers send none with it.

    Cookies are never asked for: a key is all that lets in.
    """
    methods = ("GET", "POST", "DELETE")
    return CORSMiddleware(app, tuple(origins), allow_methods=methods, allow_headers=_ASKED, expose_headers=_SHOWN)
