"""How fast tasks end."""

import time
from collections.abc import Callable

_SPAN_SECONDS = 10.0
_IDLE_SECONDS = 2.0


class Rate:
    """Tasks that end in a second, over the last seconds of work; time without an end does not count as work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._last = clock()
        self._count = 0
        self._before = 0.0

    def ended(self, count: int) -> None:
        """Takes ended tasks in."""
        now = self._clock()
        if now - self._last > _IDLE_SECONDS:
            self._began, self._count = now, 0
        self._last = now
        self._count += count
        if (span := now - self._began) > _SPAN_SECONDS:
            self._before = self._count / span
            self._began, self._count = now, 0

    def per_second(self) -> float:
        """The rate; 0 before the first end."""
        span = self._last - self._began
        if span < 1 and self._before:
            return self._before
        return self._count / max(span, 0.1)
