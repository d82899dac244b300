"""KServe's ModelServer with our routes in front: the ports open at once, the model loads behind them."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable
from types import FrameType

import uvloop
from starlette.routing import Route

from gpux_predictor.access.opened import EVERYBODY, Access
from gpux_predictor.http import batch, closed, page
from gpux_predictor.http.front import front
from gpux_predictor.http.gathering import Gathering
from gpux_predictor.http.guarded_shortcut import shortcut
from gpux_predictor.http.lingering import Lingering
from gpux_predictor.http.routes import routes
from gpux_predictor.http.stack import stack
from gpux_predictor.http.tasks import routes as task_routes
from gpux_predictor.kserving.given import Heard, Listen, Ways
from gpux_predictor.kserving.spared import spared
from gpux_predictor.protocols import rest
from gpux_predictor.serving.service import ModelService

sys_argv, sys.argv = sys.argv, sys.argv[:1]  # kserve.model_server parses the command line of whoever imports it
with spared():
    from kserve import ModelServer
    from kserve.model_server import app

sys.argv = sys_argv

from gpux_predictor.kserving.model import OnnxModel  # noqa: E402

_DRAIN_MARGIN_SECONDS = 5
"""On top of a request's deadline: what was accepted before SIGTERM is answered."""
_LINGER_SECONDS = 2.0
"""For clients that keep a connection open, to be told with their next answer; not for a person's Ctrl-C."""


class Server(ModelServer):  # type: ignore[misc]  # kserve has no types
    """A ModelServer for one model.

    Args:
        service: the model.
        listen: where it listens. The gRPC server is ours: KServe's has no health service, no codes and no limits.
        heard: what is told of requests.
        ways: to predictions beside /predict.
        access: who is let in.
    """

    def __init__(
        self,
        service: ModelService,
        listen: Listen,
        heard: Heard,
        ways: Ways,
        access: Access = EVERYBODY,
    ) -> None:
        self._drain_seconds = service.model.spec.runtime.timeout_seconds + _DRAIN_MARGIN_SECONDS
        super().__init__(
            http_port=listen.port,
            enable_grpc=False,
            workers=1,
            enable_latency_logging=False,
            grace_period=self._drain_seconds,
        )
        self._service = service
        self._host = listen.host
        self._own_grpc_port = listen.grpc_port
        self._heard = heard
        self._ways = ways
        self._access = access
        self.register_model(OnnxModel(service))

    def serve(self) -> None:
        """Serves until SIGTERM or SIGINT; blocks."""
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # KServe's --event-loop does nothing with one worker
        asyncio.set_event_loop(asyncio.new_event_loop())
        self.start([])

    async def _serve(self) -> None:
        service, access, heard = self._service, self._access, self._heard
        config = self._rest_server.config
        config.host = self._host  # KServe listens on all addresses and has no setting for it
        app.router.redirect_slashes = False  # as ours in front of it
        config.app = stack(front(self._routes(), behind=app), service, access, heard.observers, heard.tracer)
        told = heard.observers or heard.tracer is not None
        config.http = Gathering if told else shortcut(service, access.gate, origins=bool(access.origins))
        if (certificate := access.certificate) is not None:
            # KServe's own watches what a symlink led to, and misses the next swap
            config.ssl_context_factory = lambda *_: certificate.context
        config.proxy_headers = config.server_header = False
        log = logging.getLogger("uvicorn.access")
        log.handlers.clear()  # uvicorn words a line for each request if there is one, whatever the level
        log.propagate = False
        told_to_stop = self._told_to_stop()
        watching = [asyncio.create_task(part.watch()) for part in (access.keys, access.certificate) if part is not None]
        loading = asyncio.create_task(self._load(told_to_stop))
        grpc = await self._start_grpc(told_to_stop)
        tasks = self._work_on_tasks(told_to_stop)
        await super()._serve()
        told_to_stop.set()
        await grpc
        await tasks
        await loading
        for task in watching:
            task.cancel()

    async def _load(self, told_to_stop: asyncio.Event) -> None:
        """Loads the model, once there is somebody who can be let in."""
        service, keys = self._service, self._access.keys
        if keys is not None and (problem := keys.problem) is not None:
            service.refuse(problem)
            waiting = {asyncio.create_task(event.wait()) for event in (keys.usable, told_to_stop)}
            _, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            service.reconsider(problem)
        if not told_to_stop.is_set():
            await asyncio.get_running_loop().run_in_executor(None, service.load)

    def _routes(self) -> list[Route]:
        spec = self._service.model.spec
        listed = spec.async_ is not None and spec.async_.listed
        tasks = closed.tasks() if self._ways.tasks is None else task_routes(self._ways.tasks, listed=listed)
        lookups = batch.routes(self._ways.lookups)
        own = [*routes(self._service), *page.routes(self._service, shown=self._ways.page)]
        return [*own, *tasks, *lookups, *closed.routes(spec.serving), *rest.routes(self._service)]

    def _work_on_tasks(self, told_to_stop: asyncio.Event) -> Awaitable[None]:
        """Begins with the tasks; what it returns ends when those that run have ended or been given back."""
        tasks = self._ways.tasks
        if tasks is None:
            return asyncio.sleep(0)
        tasks.start()

        async def close() -> None:
            await told_to_stop.wait()
            await tasks.close()

        return asyncio.create_task(close())

    def _told_to_stop(self) -> asyncio.Event:
        """Set by the first signal. KServe's own stop() comes only when uvicorn, which takes the signals, has drained."""
        told, loop, uvicorn = asyncio.Event(), asyncio.get_running_loop(), self._rest_server._server
        handle_exit = uvicorn.handle_exit

        def handle(number: int, frame: FrameType | None) -> None:
            self._service.drain()
            if number == signal.SIGTERM:
                Lingering.linger_seconds = _LINGER_SECONDS
            loop.call_soon_threadsafe(told.set)
            handle_exit(number, frame)

        uvicorn.handle_exit = handle
        return told

    async def _start_grpc(self, told_to_stop: asyncio.Event) -> Awaitable[None]:
        """Opens the gRPC port; what it returns ends when the server has drained."""
        if self._own_grpc_port is None:
            return asyncio.sleep(0)
        from gpux_predictor.kserving.grpc_server import GrpcServer  # noqa: PLC0415  (only who asks for it pays for it)

        server = GrpcServer(
            self._service, self._host, self._own_grpc_port, self._drain_seconds, self._access, self._heard.tracer
        )
        await server.start()

        async def drain() -> None:
            await told_to_stop.wait()
            await server.stop()

        return asyncio.create_task(drain())
