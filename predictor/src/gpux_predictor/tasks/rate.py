"""How fast tasks end."""

import time
from collections.abc import Callable


class Rate:
    """Tasks that end in a second, over the last seconds of work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._count = 0
        self._before = 0.0

    def ended(self, count: int) -> None:
        """Takes ended tasks in."""
        self._count += count
        if (span := self._clock() - self._began) > 10:
            self._before = self._count / span
            self._began, self._count = self._clock(), 0

    def per_second(self) -> float:
        """The rate; 0 before the first end."""
        span = self._clock() - self._began
        return self._count / max(span, 0.1) if span > 2 or not self._before else self._before
