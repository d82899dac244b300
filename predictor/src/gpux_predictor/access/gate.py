"""Lets requests in that show a key, and counts them by client."""

from collections.abc import Iterable

from gpux_predictor import metrics
from gpux_predictor.access.buckets import Buckets, Headers
from gpux_predictor.access.credentials import presented
from gpux_predictor.access.errors import RateLimited, Unauthorized, unknown
from gpux_predictor.access.keys import Keys


class Gate:
    """Who is let in now. For the event loop's thread.

    Args:
        keys: those that count.
        buckets: how fast each client may ask; None for no limit.
    """

    def __init__(self, keys: Keys, buckets: Buckets | None = None) -> None:
        self._keys = keys
        self.buckets = buckets

    def change(self, keys: Keys) -> None:
        """Takes other keys from the next request on."""
        self._keys = keys
        if self.buckets is not None:
            self.buckets.keep(keys.clients)

    def admit(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The client whose request it is, which is counted.

        Args:
            headers: of the request, names in lower case.

        Raises:
            Unauthorized: no key, more than one, or one of nobody.
            RateLimited: too fast.
        """
        try:
            client = self._recognised(headers)
        except Unauthorized:
            metrics.REFUSED["unauthorized"] += 1
            raise
        buckets = self.buckets
        if buckets is not None and not buckets.take(client):
            metrics.REFUSED["rate_limited"] += 1
            raise RateLimited(client, buckets.rate, buckets.wait_seconds(client), buckets.headers(client))
        metrics.CLIENTS[client] = metrics.CLIENTS.get(client, 0) + 1
        return client

    def admitted(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The same for who asks again: None, and nothing is counted, where `admit` raises."""
        try:
            client = self._recognised(headers)
        except Unauthorized:
            return None
        if self.buckets is not None and not self.buckets.take(client):
            return None
        metrics.CLIENTS[client] = metrics.CLIENTS.get(client, 0) + 1
        return client

    def forget(self, client: str) -> None:
        """Undoes that: the request comes again another way."""
        metrics.CLIENTS[client] -= 1
        if self.buckets is not None:
            self.buckets.give_back(client)

    def headers(self, client: str) -> Headers:
        """What an answer says of the limit; nothing where there is none."""
        return [] if self.buckets is None else self.buckets.headers(client)

    def _recognised(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        client = self._keys.client_of(presented(headers))
        if client is None:
            raise unknown()
        return client
