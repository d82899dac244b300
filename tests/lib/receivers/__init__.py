"""Receivers of callbacks on loopback: real sockets, with the misbehaviour that a test gives them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """What arrived, whole; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A running receiver.

    Attributes:
        port: where it listens.
        connections: that were made to it.
        names: of the server that clients asked for in TLS.
        requests: that arrived.
    """

    port: int = 0
    connections: int = 0
    names: list[str | None] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


def answering(status: int, *headers: str, body: bytes = b"") -> Behaviour:
    """Answers like an ordinary server."""
    head = "\r\n".join([f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers])
    return writing(f"{head}\r\n\r\n".encode() + body)


def writing(data: bytes) -> Behaviour:
    """Writes these bytes, and closes."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return behave


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Behaviour:
    """Writes the head, and the piece until the client has gone."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


@asynccontextmanager
async def receiver(
    behave: Behaviour,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    *,
    listens: bool = True,
) -> AsyncIterator[Receiver]:
    """A receiver while the block runs; one that does not listen begins at once to behave as it does."""
    made = Receiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        try:
            if listens:
                made.requests.append(await _read(reader))
            await behave(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: made.names.append(name)
    server = await asyncio.start_server(serve, host, port, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Request(head[0], headers, await reader.readexactly(int(headers["content-length"])))
