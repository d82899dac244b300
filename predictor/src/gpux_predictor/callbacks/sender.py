"""Sends callbacks, one attempt at a time; when to try again is `backoff`'s to say."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

from gpux_predictor.callbacks.exchange import Delivery, Post, Unreachable
from gpux_predictor.callbacks.outcome import Outcome, Sent, answered
from gpux_predictor.callbacks.resolving import Resolve, SystemResolver, addresses
from gpux_predictor.callbacks.signing import Signer
from gpux_predictor.callbacks.target import Allowed, Target, check
from gpux_predictor.errors import BadRequest


@dataclass(frozen=True)
class _Client:
    """What only callbacks need: 60 ms and some MB.

    Attributes:
        post: the HTTP client.
        context: whom TLS trusts.
    """

    post: Post
    context: ssl.SSLContext


class Sender:
    """Signs and posts.

    Args:
        signer: with the model's secrets.
        allowed: where callbacks may go besides public addresses.
        timeout_seconds: of an attempt, from the look-up of the name to the status.
        resolve: from names to addresses.
        context: whom TLS trusts; None for the system's and Mozilla's authorities.
    """

    def __init__(
        self,
        signer: Signer,
        allowed: Allowed,
        timeout_seconds: float,
        resolve: Resolve | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._signer = signer
        self._allowed = allowed
        self._seconds = timeout_seconds
        self._resolve = resolve or SystemResolver()
        self._context = context
        self._client: _Client | None = None

    async def send(self, target: Target, webhook_id: str, body: bytes, more: Mapping[str, str] | None = None) -> Sent:
        """One attempt; never raises for what the other side does.

        Args:
            target: of the task's callback URL.
            webhook_id: the same for each attempt of a task; without a '.'.
            body: JSON.
            more: headers besides, which are not signed.
        """
        if self._client is None:
            self._client = await asyncio.to_thread(_client, self._context)
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._seconds
        found = await self._where(target)
        if isinstance(found, Sent):
            return found
        now = time.time()
        headers = self._headers(webhook_id, int(now), body)
        delivery = Delivery(target, found, headers if more is None else {**headers, **more}, body)
        try:
            answer = await self._client.post(delivery, self._client.context, max(0.0, deadline - clock()))
        except Unreachable as error:
            return Sent(Outcome.RETRY, f"{target.host}: {error}")
        return answered(answer.status, answer.retry_after, now)

    async def _where(self, target: Target) -> list[str] | Sent:
        """The addresses to connect to, or why there are none; checked at each attempt: names and manifests change."""
        try:
            check(target, self._allowed)
            async with asyncio.timeout(self._seconds):
                found = await addresses(target, self._resolve, self._allowed.networks)
        except BadRequest as error:
            return Sent(Outcome.FAILED, error.detail)
        except TimeoutError:
            return Sent(Outcome.RETRY, f"{target.host}: its name was not looked up in time")
        except (OSError, UnicodeError):
            return Sent(Outcome.RETRY, f"{target.host}: there is no such name, or DNS does not answer")
        if not found:
            return Sent(
                Outcome.FAILED,
                f"{target.host} has no public address, nor one of spec.async.callbacks.allowedNetworks",
            )
        return found

    def _headers(self, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        own = {"Content-Type": "application/json", "User-Agent": "gpux-predictor"}
        return own | self._signer.headers(webhook_id, timestamp, body)


def _client(context: ssl.SSLContext | None) -> _Client:
    """In a thread: the import and the authorities' certificates would stop the event loop."""
    from gpux_predictor.callbacks import connection  # noqa: PLC0415  (httpcore)

    return _Client(connection.post, context or connection.trust())
