"""KServe's ModelServer with our routes in front: the port opens at once, the model loads behind it."""

import asyncio
import sys

import uvloop
from fastapi.exceptions import RequestValidationError

from gpux_predictor.http.body import BodyLimit
from gpux_predictor.http.lean import Lean
from gpux_predictor.http.routes import routes
from gpux_predictor.serving.service import ModelService

sys_argv, sys.argv = sys.argv, sys.argv[:1]  # kserve.model_server parses the command line of whoever imports it
from kserve import ModelServer  # noqa: E402
from kserve.model_server import app  # noqa: E402

sys.argv = sys_argv

from gpux_predictor.kserving.errors import MalformedRequests, invalid_fields  # noqa: E402
from gpux_predictor.kserving.model import OnnxModel  # noqa: E402

_DRAIN_MARGIN_SECONDS = 5
"""On top of a request's deadline: what was accepted before SIGTERM is answered."""


class Server(ModelServer):  # type: ignore[misc]  # kserve has no types
    """A ModelServer for one model.

    Args:
        service: the model.
        host: the address to listen on.
        port: the HTTP port.
    """

    def __init__(self, service: ModelService, host: str, port: int) -> None:
        drain = service.model.spec.runtime.timeout_seconds + _DRAIN_MARGIN_SECONDS
        super().__init__(http_port=port, enable_grpc=False, workers=1, enable_latency_logging=False, grace_period=drain)
        self._service = service
        self._host = host
        app.add_middleware(MalformedRequests)
        app.add_middleware(BodyLimit)
        app.add_exception_handler(RequestValidationError, invalid_fields)
        app.router.routes[:0] = routes(service)
        self.register_model(OnnxModel(service))

    def serve(self) -> None:
        """Serves until SIGTERM or SIGINT; blocks."""
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # KServe's --event-loop does nothing with one worker
        asyncio.set_event_loop(asyncio.new_event_loop())
        self.start([])

    async def _serve(self) -> None:
        config = self._rest_server.config
        config.host = self._host  # KServe listens on all addresses and has no setting for it
        config.app = Lean(app, self._service)
        config.access_log = config.proxy_headers = config.server_header = False
        loading = asyncio.get_running_loop().run_in_executor(None, self._service.load)
        await super()._serve()
        await loading
