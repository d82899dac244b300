import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Thread

import pytest
import uvicorn
from starlette.types import ASGIApp

from gpux_predictor.http.gathering import Gathering
from testcluster.ports import free_ports
from testcluster.waiting import eventually

Serving = Callable[..., AbstractContextManager[int]]


@contextmanager
def _serving(app: ASGIApp, protocol: type[Gathering] = Gathering, keep_alive: int = 5) -> Iterator[int]:
    """An app behind uvicorn in a thread, by its port on loopback."""
    [port] = free_ports(1)
    settings = {"log_config": None, "ws": "none", "lifespan": "off"}
    config = uvicorn.Config(app, port=port, http=protocol, timeout_keep_alive=keep_alive, **settings)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = Thread(target=asyncio.run, args=(server.serve(),))
    thread.start()
    try:
        eventually(lambda: server.started, 10, "uvicorn listens")
        yield port
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def serving() -> Serving:
    return _serving
