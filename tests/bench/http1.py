"""A small HTTP/1.1 client on asyncio: the usual ones take longer for a request than the servers that are measured."""

import asyncio
from dataclasses import dataclass

from .dialects import Request

_BUFFER = 2**20


class ProtocolError(Exception):
    """The server closed the connection or answered what this client does not read."""


@dataclass(frozen=True)
class Answer:
    """A response: headers by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One kept-alive connection: one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connects to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=_BUFFER))

    def close(self) -> None:
        """Lets go of the connection, in the middle of a request too."""
        self._writer.close()

    async def send(self, request: Request) -> None:
        """Sends a request without waiting for its answer."""
        headers = {"Host": "127.0.0.1", "Content-Length": str(len(request.content)), **request.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(f"POST {request.path} HTTP/1.1\r\n{head}\r\n".encode() + request.content)
        await self._writer.drain()

    async def post(self, request: Request) -> Answer:
        """Sends a request and reads its answer.

        Raises:
            ProtocolError: the connection ended, or the body has no announced length.
            OSError: the connection broke.
        """
        await self.send(request)
        try:
            lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
            }
            if "content-length" not in headers:
                raise ProtocolError("an answer without Content-Length")
            body = await self._reader.readexactly(int(headers["content-length"]))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ProtocolError(f"the answer ended early: {error}") from error
        return Answer(int(lines[0].split()[1]), headers, body)
