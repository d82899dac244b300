"""Requests that the API server asked to come back with later: they are not sent before, whatever wakes the model up."""

import threading
import time
from collections.abc import Callable

from gpux_operator.kube.errors import TooManyRequests


class Pauses:
    """When each request, by method and path, may be sent again. Safe to use from many threads.

    Args:
        longest: seconds that a server gets, whatever it asks for.
        clock: seconds that only grow.
    """

    def __init__(self, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest = longest
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[tuple[str, str], float] = {}

    def begin(self, method: str, path: str, seconds: float) -> None:
        """The server asked for a pause; it gets at most the longest."""
        now = self._clock()
        with self._lock:
            self._until = {request: until for request, until in self._until.items() if until > now}
            self._until[method, path] = now + min(seconds, self._longest)

    def check(self, method: str, path: str) -> None:
        """Returns if the request may be sent.

        Raises:
            TooManyRequests: not yet.
        """
        with self._lock:
            left = self._until.get((method, path), 0.0) - self._clock()
        if left > 0:
            raise TooManyRequests(f"{method} {path}: not sent, the API server asked for a pause", left)
