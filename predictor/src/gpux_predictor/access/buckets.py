"""How fast a client may ask: a token bucket for each, in this process only."""

import math
from collections.abc import Callable
from dataclasses import dataclass

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """Token buckets by client. For one thread.

    Args:
        rate: tokens that come back each second, 1 or more.
        burst: what a bucket holds.
        clock: seconds that only go forward.
    """

    def __init__(self, rate: int, burst: int, clock: Callable[[], float]) -> None:
        self.rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._policy = (b"ratelimit-policy", b'"client";q=%d;w=%d' % (burst, math.ceil(burst / rate)))

    def take(self, client: str) -> bool:
        """Takes a token, if there is one."""
        now = self._clock()
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(self._burst, now)
        tokens = bucket.tokens + (now - bucket.at) * self.rate
        tokens = min(tokens, self._burst)
        bucket.at = now
        if tokens < 1.0:
            bucket.tokens = tokens
            return False
        bucket.tokens = tokens - 1.0
        return True

    def give_back(self, client: str) -> None:
        """Undoes a `take`: the request comes again another way."""
        bucket = self._buckets[client]
        bucket.tokens = min(self._burst, bucket.tokens + 1.0)

    def wait_seconds(self, client: str) -> int:
        """Until there is a token, rounded up, as `Retry-After` has it."""
        return max(1, math.ceil((1.0 - self._buckets[client].tokens) / self.rate))

    def headers(self, client: str) -> Headers:
        """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10): what is left, and when all is back."""
        tokens = self._buckets[client].tokens
        full = math.ceil((self._burst - tokens) / self.rate)
        return [self._policy, (b"ratelimit", b'"client";r=%d;t=%d' % (tokens, full))]

    def keep(self, clients: set[str]) -> None:
        """Forgets all other clients."""
        self._buckets = {client: bucket for client, bucket in self._buckets.items() if client in clients}
