"""What an attempt came to."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from gpux_predictor.callbacks.backoff import retry_after


class Outcome(StrEnum):
    """Whether there is more to do."""

    DELIVERED = "delivered"
    FAILED = "failed"
    RETRY = "retry"


@dataclass(frozen=True)
class Sent:
    """One attempt.

    Attributes:
        outcome: FAILED is for good.
        reason: one line for the task's status; it holds nothing that a server sent but its status code.
        status: the HTTP status, None where there was no answer.
        retry_after: seconds that the receiver asked for.
    """

    outcome: Outcome
    reason: str
    status: int | None = None
    retry_after: float | None = None


def answered(status: int, header: str | None, now: float) -> Sent:
    """What an answer means: 2xx is delivered, 410 is the end, anything else may become right.

    A 401, 404 or 500 is most often a receiver that is being set up or repaired, and an attempt costs little: only 410 says
    that the receiver wants no more (Standard Webhooks, "Delivery success and failure").

    Args:
        status: of the answer.
        header: its `Retry-After`, which counts with 429 and 503.
        now: Unix seconds.
    """
    if 200 <= status < 300:
        return Sent(Outcome.DELIVERED, f"HTTP {status}", status)
    if status == HTTPStatus.GONE:
        return Sent(Outcome.FAILED, "HTTP 410: the receiver wants no more callbacks", status)
    if 300 <= status < 400:
        return Sent(Outcome.RETRY, f"HTTP {status}: redirects are not followed, send the final callback_url", status)
    asked = (
        retry_after(header, now) if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE} else None
    )
    return Sent(Outcome.RETRY, f"HTTP {status}", status, asked)
