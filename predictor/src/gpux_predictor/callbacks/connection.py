"""One POST over one connection to an address that was checked. The only importer of httpcore; imported with the first callback.

httpcore has nothing that could lead elsewhere: no redirects, no proxies, no cookies, nothing from the environment.
"""

import asyncio
import os
import ssl
from collections.abc import Iterable, Sequence
from contextlib import aclosing, suppress

import certifi
import httpcore

from gpux_predictor.callbacks.exchange import Answer, Delivery, Unreachable

CONNECT_SECONDS = 5.0
"""For TCP to all addresses together, and again for TLS."""
MOST_ADDRESSES = 4
MOST_BODY = 64 * 1024
"""Bytes of an answer that are read, and thrown away, so that its sender sees no broken connection."""
BODY_SECONDS = 1.0


class _Pinned(httpcore.AnyIOBackend):
    """Connects to the given addresses, whatever name the request has.

    It closes what it opened: httpcore forgets a connection whose TLS handshake is cancelled.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses[:MOST_ADDRESSES]
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        share = None if timeout is None else timeout / len(self._addresses)
        *others, last = self._addresses
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                self._stream = await super().connect_tcp(address, port, share, local_address, socket_options)
                return self._stream
        self._stream = await super().connect_tcp(last, port, share, local_address, socket_options)
        return self._stream

    async def aclose(self) -> None:
        if self._stream is not None:
            await self._stream.aclose()


def trust() -> ssl.SSLContext:
    """Trusts the system's authorities (`SSL_CERT_FILE`, `SSL_CERT_DIR`), and Mozilla's where the system has none."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


async def post(delivery: Delivery, context: ssl.SSLContext, seconds: float) -> Answer:
    """Sends a body and waits for the status; the connection is used once.

    Args:
        delivery: what and where to.
        context: whom TLS trusts.
        seconds: until the status must be there.

    Raises:
        Unreachable: there was no answer in time, or none in HTTP.
    """
    target = delivery.target
    url = httpcore.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
    )
    headers = list({"Host": target.authority, **delivery.headers, "Connection": "close"}.items())
    extensions = {"timeout": {"connect": min(CONNECT_SECONDS, seconds)}}
    answer: Answer | None = None
    failure: Exception | None = None
    try:
        async with aclosing(_Pinned(delivery.addresses)) as pinned, asyncio.timeout(seconds) as limit:
            connection = httpcore.AsyncHTTPConnection(url.origin, context, network_backend=pinned)
            request = connection.stream("POST", url, headers=headers, content=delivery.body, extensions=extensions)
            async with connection, request as response:
                answer = Answer(response.status, _header(response, b"retry-after"))
                limit.reschedule(asyncio.get_running_loop().time() + BODY_SECONDS)
                await _read_away(response)
    except (TimeoutError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        failure = error
    if answer is None:
        raise Unreachable(_reason(failure)) from failure
    return answer


async def _read_away(response: httpcore.Response) -> None:
    left = MOST_BODY
    async for chunk in response.aiter_stream():
        left -= len(chunk)
        if left <= 0:
            return


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _reason(error: Exception | None) -> str:
    """Fixed words only: parsers quote what they could not read, and that is the peer's."""
    if isinstance(error, httpcore.ConnectTimeout):
        return "could not connect in time"
    if isinstance(error, httpcore.ConnectError):
        return _connect_reason(error)
    if isinstance(error, httpcore.ProtocolError):
        return "the answer is not HTTP, or there was none"
    if isinstance(error, httpcore.NetworkError):
        return "the connection broke"
    return "no answer in time"


def _connect_reason(error: BaseException) -> str:
    """The cause that says most, down the chain of causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'the connection ended'}"
        if isinstance(cause, OSError) and cause.errno:
            return f"could not connect: {os.strerror(cause.errno)}"
        cause = cause.__cause__ or cause.__context__
    return "could not connect"
