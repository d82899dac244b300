"""Who hears of each request after it: the request log, and traces. Off by default; with one of them on, no request goes the short way."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("gpux_predictor.requests")
_STAGES = ("queue", "preprocess", "run", "postprocess")


@dataclass(slots=True)
class Seen:
    """A request that has ended.

    Attributes:
        status: of the answer, 0 where the client went before it.
        began: nanoseconds since the epoch.
        seconds: until the answer was handed to the server.
        timing: the `Server-Timing` header, empty where there is none.
        client: whose key let it in; None without keys.
    """

    method: str
    path: str
    status: int
    began: int
    seconds: float
    headers: Iterable[tuple[bytes, bytes]]
    timing: bytes
    client: str | None = None

    def stages(self) -> dict[str, float]:
        """Milliseconds by stage."""
        parts = (part.split(";dur=") for part in self.timing.decode("ascii").split(", ") if ";dur=" in part)
        return {name: float(value) for name, value in parts if name in _STAGES}


Observer = Callable[[Seen], None]


class Observed:
    """An ASGI app whose requests are told to observers.

    Args:
        app: answers.
        observers: hear of each request after it.
    """

    def __init__(self, app: ASGIApp, observers: Sequence[Observer]) -> None:
        self._app = app
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (the ASGI interface)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = Seen(scope["method"], scope["path"], 0, time.time_ns(), 0.0, scope["headers"], b"")

        async def noticing(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                seen.timing = dict(message["headers"]).get(b"server-timing", b"")
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, noticing)
        except Exception:
            seen.status = seen.status or 500  # which the server answers
            raise
        finally:
            seen.seconds = time.perf_counter() - started
            seen.client = scope.get("state", {}).get("client")
            for observer in self._observers:
                observer(seen)


def log_request(seen: Seen) -> None:
    """One JSON line."""
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seen.began / 1e9))
        + f".{seen.began // 1_000_000 % 1000:03}Z",
        "method": seen.method,
        "path": seen.path,
        "status": seen.status,
        "milliseconds": round(seen.seconds * 1e3, 3),
        **({} if seen.client is None else {"client": seen.client}),
        **seen.stages(),
    }
    logger.info(orjson.dumps(line).decode())


def request_log() -> Observer:
    """The observer that writes the log (`--log-requests`)."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return log_request
