"""The short way of /predict: from ASGI to the service and back without a framework between.

FastAPI's and Starlette's routing, middleware and request objects cost 130 µs a request in KServe's server, four times what the
rest of a request to a tiny model does.
"""

import time

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from gpux_predictor import metrics
from gpux_predictor.errors import ClientGone, RequestError, TooManyRequests
from gpux_predictor.http.body import content_type, read
from gpux_predictor.protocols.disconnect import cancelled_on_disconnect
from gpux_predictor.serving.at_once import server_timing
from gpux_predictor.serving.service import ModelService

PATHS = ("/predict", "/predict/")
_JSON = (b"content-type", b"application/json")


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
        status, headers = 200, [_JSON]
        try:
            content, timing = await self._answer(scope, receive)
            headers.append((b"server-timing", timing))
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
        metrics.answered(status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[bytes, bytes]:
        """The answer's content and its Server-Timing."""
        body = await read(receive, scope["headers"])
        kind = content_type(scope["headers"])
        answer = await self._service.predict(body, kind, lambda: cancelled_on_disconnect(receive))
        timing = answer.timing
        return answer.content, server_timing(timing.queue, answer.preprocess, timing.run, answer.postprocess)
