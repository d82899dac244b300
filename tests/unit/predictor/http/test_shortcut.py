"""The shortcut with uvicorn around it: what is pipelined behind a short answer has all the time it needs, and what is replayed is whole."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gpux_predictor.http.shortcut import Shortcut
from gpux_predictor.serving.at_once import MOST_BYTES

KEEP_ALIVE_SECONDS, SLOW_SECONDS = 1, 2
QUICK = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"


class Quick(Shortcut):
    at_once = staticmethod(lambda _: (b"quick", b"run;dur=1"))


async def slow(_: Request) -> Response:
    await asyncio.sleep(SLOW_SECONDS)
    return Response("slow")


@pytest.mark.parametrize("segments", [[QUICK + SLOW], [QUICK * 2, SLOW], [QUICK, QUICK + SLOW]])
def test_a_short_answer_s_timer_cuts_no_later_request(
    serving: Callable[..., AbstractContextManager[int]], segments: list[bytes]
) -> None:
    app = Starlette(routes=[Route("/slow", slow)])
    with (
        serving(app, Quick, keep_alive=KEEP_ALIVE_SECONDS) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as link,
    ):
        for segment in segments:
            link.sendall(segment)
            received = b""
            while not received.endswith(b"slow" if SLOW in segment else b"quick") and (part := link.recv(4096)):
                received += part
        assert received.endswith(b"slow"), received


def test_an_idle_connection_is_closed_after_a_short_answer(
    serving: Callable[..., AbstractContextManager[int]],
) -> None:
    with (
        serving(Starlette(), Quick, keep_alive=KEEP_ALIVE_SECONDS) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as link,
    ):
        link.sendall(QUICK * 2)
        while link.recv(4096):
            pass


def test_a_replayed_request_is_whole_and_its_head_ends_once(
    serving: Callable[..., AbstractContextManager[int]],
) -> None:
    """Each end copies the headers."""
    ended: list[object] = []

    class Busy(Shortcut):
        at_once = staticmethod(lambda _: None)

        def _end_head(self) -> None:
            ended.append(self)
            super()._end_head()

    async def echo(request: Request) -> Response:
        return Response(request.headers["x-word"].encode() + await request.body())

    app = Starlette(routes=[Route("/predict", echo, methods=["POST"])])
    large = b"b" * (MOST_BYTES + 1)
    with serving(app, Busy) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for body in (b"{}", large):
            assert client.post("/predict", content=body, headers={"x-word": "word"}).content == b"word" + body
    assert len(ended) == 2
