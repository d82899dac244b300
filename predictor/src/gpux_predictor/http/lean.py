"""The short way of /predict: from ASGI to the service and back without a framework between.

FastAPI's and Starlette's routing, middleware and request objects cost 130 µs a request in KServe's server, four times what the
rest of a request to a tiny model does (docs/benchmarks.md).
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from gpux_predictor import metrics
from gpux_predictor.errors import ClientGone, RequestError, TooManyRequests
from gpux_predictor.http.body import content_type, read
from gpux_predictor.serving.service import Answer, ModelService

PATHS = ("/predict", "/predict/")


class Lean:
    """An ASGI app that answers POST /predict itself and leaves the rest to another.

    Args:
        app: the app for everything else.
        service: the model.
    """

    def __init__(self, app: ASGIApp, service: ModelService) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] != "http" or scope["path"] not in PATHS or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, headers = 200, [(b"content-type", b"application/json")]
        try:
            answer = await self._predict(scope, receive)
            content = answer.content
            headers.append((b"server-timing", server_timing(answer)))
        except ClientGone:
            metrics.DISCONNECTS.inc()
            return
        except RequestError as error:
            status, content = int(error.status), orjson.dumps({"detail": error.detail})
            if isinstance(error, TooManyRequests):
                metrics.REJECTIONS.inc()
                headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
        headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        metrics.answered(status)
        metrics.SECONDS.observe(time.perf_counter() - started)

    async def _predict(self, scope: Scope, receive: Receive) -> Answer:
        body = await read(receive, scope["headers"])
        return await self._service.predict(
            body, content_type(scope["headers"]), lambda: cancelled_on_disconnect(receive)
        )


def server_timing(answer: Answer) -> bytes:
    """The stages of a request in milliseconds (W3C Server Timing)."""
    timing = answer.timing
    return b"queue;dur=%.3f, preprocess;dur=%.3f, run;dur=%.3f, postprocess;dur=%.3f" % (
        timing.queue * 1e3,
        answer.preprocess * 1e3,
        timing.run * 1e3,
        answer.postprocess * 1e3,
    )


@contextmanager
def cancelled_on_disconnect(receive: Receive) -> Iterator[None]:
    """Cancels what the current task awaits in the block when the client closes the connection.

    Raises:
        ClientGone: it did.
    """
    task = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task is not None:
            task.cancel()

    watcher = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not gone:
            raise
        if task is not None:
            task.uncancel()
        raise ClientGone from None
    finally:
        watcher.cancel()
