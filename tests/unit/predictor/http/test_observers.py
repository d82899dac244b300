"""Requests that break, with uvicorn around them: they are observed, answered, and logged once."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gpux_predictor.http.front import front
from gpux_predictor.http.observers import Observed, Seen

Serving = Callable[..., AbstractContextManager[int]]


async def broken(_: Request) -> Response:
    raise KeyError("x")


async def worded(_: Request, error: Exception) -> Response:
    return Response(f"worded: {error!r}", 500)


async def outside(_: Scope, __: Receive, ___: Send) -> None:
    raise KeyError("x")


async def halfway(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"half"
        raise KeyError("x")

    return StreamingResponse(parts())


BEHIND = Starlette(routes=[Route("/behind", broken)], exception_handlers={Exception: worded})
OURS = front([Route("/ours", broken), Route("/halfway", halfway)], behind=BEHIND)


@pytest.mark.parametrize(
    ("app", "path", "status", "answer"),
    [
        (OURS, "/ours", 500, '{"detail":"Internal error: KeyError"}'),
        (OURS, "/behind", 500, "worded: KeyError('x')"),
        (OURS, "/halfway", 200, None),
        (outside, "/outside", 500, "Internal Server Error"),
    ],
)
def test_a_request_that_breaks_is_observed_and_logged_once(
    serving: Serving, caplog: pytest.LogCaptureFixture, app: ASGIApp, path: str, status: int, answer: str | None
) -> None:
    seen: list[Seen] = []
    with serving(Observed(app, [seen.append])) as port:
        url = f"http://127.0.0.1:{port}{path}"
        if answer is None:
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(url)
        else:
            found = httpx.get(url)
            assert (found.status_code, found.text) == (500, answer)
    assert [(one.path, one.status) for one in seen] == [(path, status)]
    assert seen[0].seconds > 0
    assert len([record for record in caplog.records if record.exc_info]) == 1, caplog.text
