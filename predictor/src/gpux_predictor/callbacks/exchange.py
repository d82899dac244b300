"""What goes to a receiver and what comes back, without the HTTP client that does it."""

import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gpux_predictor.callbacks.target import Target


@dataclass(frozen=True)
class Delivery:
    """One POST.

    Attributes:
        target: its name is what TLS verifies and what `Host` says.
        addresses: where to connect, the best first; at least one, all of them checked.
        headers: besides `Host` and `Content-Length`.
        body: JSON.
    """

    target: Target
    addresses: Sequence[str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is kept of an answer.

    Attributes:
        status: HTTP status.
        retry_after: the header, if there is one.
    """

    status: int
    retry_after: str | None


class Unreachable(Exception):
    """No answer; the message says why, in our words and the system's, none of the peer's."""


Post = Callable[[Delivery, ssl.SSLContext, float], Awaitable[Answer]]
"""Sends, and waits so many seconds for the status; raises Unreachable. TLS trusts the context's authorities."""
