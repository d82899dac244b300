"""When a callback is tried again: the schedule that Standard Webhooks gives, for as long as the result is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

SCHEDULE = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds from one attempt to the next: 5 s, 5 min, 30 min, then 2, 5, 10, 14, 20 and 24 hours."""
JITTER = 0.2
"""A wait is up to so much longer, by chance: what failed together does not come back together."""


@dataclass(frozen=True)
class Backoff:
    """How long to go on.

    Attributes:
        max_attempts: at most `len(SCHEDULE) + 1` are made.
        window: seconds from the task's end in which attempts begin: `resultTTLSeconds`, after which there is no result.
    """

    max_attempts: int
    window: float

    def delay(
        self, attempts: int, elapsed: float, chance: Callable[[], float], retry_after: float | None = None
    ) -> float | None:
        """Seconds until the next attempt; None to give up.

        Args:
            attempts: made so far, at least 1.
            elapsed: seconds since the task's end.
            chance: a number in [0, 1), such as `random.random`.
            retry_after: seconds that the receiver asked for: a longer wait, never a shorter one.
        """
        if attempts >= min(self.max_attempts, len(SCHEDULE) + 1):
            return None
        wait = max(SCHEDULE[attempts - 1], retry_after or 0.0) * (1 + JITTER * chance())
        return wait if elapsed + wait <= self.window else None


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for, in either form of RFC 9110; None where it is missing or neither.

    Args:
        header: its value.
        now: Unix seconds.
    """
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:10])
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
