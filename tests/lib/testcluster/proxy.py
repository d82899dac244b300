"""A proxy before an API server: real requests and watches pass through it, and go wrong when a test says so.

It ends TLS, since what goes wrong is HTTP (429, 410) as often as TCP; proxies for tests know the one or the other.
"""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

from testcluster import api, kubeconfig
from testcluster.certs import Authority
from testcluster.commands import HOST
from testcluster.ports import free_ports

_NOT_PASSED_ON = {"host", "connection", "content-length", "transfer-encoding", "keep-alive"}
_MOST_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Asked:
    """A request: when (monotonic seconds), what, and whether it opens a watch."""

    at: float
    method: str
    path: str
    watch: bool


@dataclass(frozen=True)
class Refusal:
    """An answer in the API server's place, with a Kubernetes Status as its body."""

    code: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The Status."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": f"told by a test: {self.reason}",
            "reason": self.reason,
            "code": self.code,
        }


@dataclass(eq=False)
class _Stream:
    """An open watch."""

    response: web.StreamResponse
    transport: asyncio.Transport
    mute: bool = False
    cut_amid_next: bool = False


class ApiProxy:
    """Serves the cluster of a kubeconfig on loopback; use it as a context manager.

    Attributes:
        kubeconfig: the same user by way of the proxy.
        refuse: asked of each request; None lets it pass.
        asked: all requests so far.
        watch_seconds: after so long a watch is cut off, None: never.
    """

    def __init__(self, upstream: Path, folder: Path) -> None:
        content = yaml.safe_load(upstream.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._server: str = cluster["server"]
        self._trust = api.trust(cluster, user)
        authority = Authority("proxy")
        (self._port,) = free_ports(1)
        pair = authority.issue("proxy", hosts=[HOST]).write(folder, "proxy")
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(*pair)
        url = f"https://{HOST}:{self._port}"
        self.kubeconfig = kubeconfig.write(folder / "proxy.kubeconfig", url, authority.pair.certificate, user)
        self.refuse: Callable[[Asked], Refusal | None] = lambda asked: None
        self.asked: list[Asked] = []
        self.watch_seconds: float | None = None
        self._streams: set[_Stream] = set()
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def watches(self) -> int:
        """How many are open."""
        return len(self._streams)

    def mute(self) -> None:
        """The open watches stay open and say nothing any more, as after a silent failure of the network."""
        for stream in list(self._streams):
            stream.mute = True

    def cut_amid_next(self) -> None:
        """The open watches break off in the middle of their next event."""
        for stream in list(self._streams):
            stream.cut_amid_next = True

    def cut(self) -> None:
        """Reset the connections of the open watches."""
        for stream in list(self._streams):
            self._loop.call_soon_threadsafe(stream.transport.abort)

    def end_with_error(self, refusal: Refusal) -> None:
        """The open watches tell an error in an event, and end: the API server's way to say that a version is too old."""
        line = json.dumps({"type": "ERROR", "object": refusal.body()}).encode() + b"\n"
        for stream in list(self._streams):
            asyncio.run_coroutine_threadsafe(self._end(stream, line), self._loop).result(10)

    async def _end(self, stream: _Stream, line: bytes) -> None:
        with suppress(ConnectionError):  # the client was faster
            await stream.response.write(line)
            await stream.response.write_eof()
        stream.transport.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        application = web.Application(client_max_size=_MOST_BYTES)
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:

            async def handle(request: web.Request) -> web.StreamResponse:
                return await self._handle(session, request)

            application.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, HOST, self._port, ssl_context=self._tls).start()
            self._ready.set()
            await self._stop.wait()
            await runner.cleanup()

    async def _handle(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        asked = Asked(time.monotonic(), request.method, request.path, "watch" in request.query)
        self.asked.append(asked)
        refusal = self.refuse(asked)
        if refusal is not None:
            return web.json_response(refusal.body(), status=refusal.code, headers=refusal.headers)
        target = URL(self._server + request.raw_path, encoded=True)
        headers, body = _passed_on(request.headers), await request.read() or None
        async with session.request(request.method, target, data=body, headers=headers) as answer:
            response = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
            if asked.watch:
                response.force_close()
            await response.prepare(request)
            if asked.watch:
                await self._stream(answer, request, response)
            else:
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            return response

    async def _stream(self, answer: aiohttp.ClientResponse, request: web.Request, response: web.StreamResponse) -> None:
        assert isinstance(request.transport, asyncio.Transport)
        stream = _Stream(response, request.transport)
        self._streams.add(stream)
        if self.watch_seconds is not None:
            self._loop.call_later(self.watch_seconds, stream.transport.abort)
        try:
            async for chunk in answer.content.iter_any():
                if stream.cut_amid_next:
                    await response.write(chunk[: len(chunk) // 2])
                    stream.transport.abort()
                elif not stream.mute:
                    await response.write(chunk)
        finally:
            self._streams.discard(stream)


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON}
