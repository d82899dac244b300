# ruff: noqa: N802  (the methods are named by the protocols)
"""The Open Inference Protocol's gRPC service and grpc.health.v1, on our service."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceServicer

from gpux_predictor.errors import RequestError, TooManyRequests
from gpux_predictor.kserving import grpc_codec
from gpux_predictor.protocols import oip_metadata
from gpux_predictor.protocols.calls import in_thread_if, slow_input, slow_output
from gpux_predictor.protocols.oip_checks import check_model
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tensors.signature import Signature

logger = logging.getLogger(__name__)
Method = Callable[[Any, Any, Any], Awaitable[Any]]
_CODES = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_WATCH_SECONDS = 0.2


def _answering_errors(method: Method) -> Method:
    """The method, with every error answered by its code; a cancelled call, or one past its deadline, just ends."""

    @functools.wraps(method)
    async def answered(self: Any, request: Any, context: Any) -> Any:  # noqa: ANN401
        try:
            return await method(self, request, context)
        except RequestError as error:
            seconds = error.retry_after_seconds if isinstance(error, TooManyRequests) else None
            pushback = () if seconds is None else (("grpc-retry-pushback-ms", str(seconds * 1000)),)
            await context.abort(_CODES.get(error.status, grpc.StatusCode.INTERNAL), error.detail, pushback)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            logger.exception("a gRPC request broke")
            await context.abort(grpc.StatusCode.INTERNAL, f"Inference failed: {type(error).__name__}")

    return answered


class Inference(GRPCInferenceServiceServicer):  # type: ignore[misc]  # kserve has no types
    """GRPCInferenceService for one model."""

    def __init__(self, service: ModelService) -> None:
        self._service = service
        self._version = service.model.spec.model.version

    def _check(self, name: str, version: str) -> None:
        check_model(self._service.name, self._version, name, version)

    @_answering_errors
    async def ModelInfer(self, request: Any, _: Any) -> Any:  # noqa: ANN401
        """Runs the graph. The client's deadline or cancellation cancels the run."""
        self._check(request.model_name, request.model_version)
        signature = self._service.ready_model().signature
        outputs = await self._infer(await self._arrays(signature, request))
        return await self._response(signature, request, outputs)

    def _arrays(self, signature: Signature, request: Any) -> Awaitable[Any]:  # noqa: ANN401
        raw = sum(map(len, request.raw_input_contents))
        slow = slow_input(signature, request.ByteSize() - raw, raw)
        return in_thread_if(slow, grpc_codec.arrays, signature, request)

    def _infer(self, arrays: Any) -> Awaitable[dict[str, Any]]:  # noqa: ANN401
        return self._service.infer(arrays)

    def _response(self, signature: Signature, request: Any, outputs: dict[str, Any]) -> Awaitable[Any]:  # noqa: ANN401
        slow = slow_output(outputs.values(), binary=len(request.raw_input_contents) > 0)
        name, version = self._service.name, self._version
        return in_thread_if(slow, grpc_codec.response, name, version, signature, request, outputs)

    @_answering_errors
    async def ServerLive(self, _: Any, __: Any) -> Any:  # noqa: ANN401
        """Whether a request may succeed, now or later."""
        return pb.ServerLiveResponse(live=self._service.live)

    @_answering_errors
    async def ServerReady(self, _: Any, __: Any) -> Any:  # noqa: ANN401
        """Whether the model answers."""
        return pb.ServerReadyResponse(ready=self._service.health.ready)

    @_answering_errors
    async def ModelReady(self, request: Any, _: Any) -> Any:  # noqa: ANN401
        """Whether the model answers."""
        self._check(request.name, request.version)
        return pb.ModelReadyResponse(ready=self._service.health.ready)

    @_answering_errors
    async def ServerMetadata(self, _: Any, __: Any) -> Any:  # noqa: ANN401
        """Name and version; the extensions are those of REST, so that none is named here."""
        metadata = oip_metadata.server()
        return pb.ServerMetadataResponse(name=metadata["name"], version=metadata["version"])

    @_answering_errors
    async def ModelMetadata(self, request: Any, _: Any) -> Any:  # noqa: ANN401
        """The model's inputs and outputs."""
        self._check(request.name, request.version)
        signature = self._service.ready_model().signature
        return pb.ModelMetadataResponse(**oip_metadata.model(self._service.name, self._version, signature))

    async def RepositoryModelLoad(self, _: Any, context: Any) -> None:  # noqa: ANN401
        """Closed."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "which model is served is the manifest's business")

    async def RepositoryModelUnload(self, _: Any, context: Any) -> None:  # noqa: ANN401
        """Closed."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "which model is served is the manifest's business")


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # grpc_health has no types
    """grpc.health.v1 for the server ("") and the model's name.

    grpc_health's own servicer holds a copy of the state that somebody must keep up to date, and its watchers hold up a drain.
    """

    def __init__(self, service: ModelService) -> None:
        self._service = service
        self._stopping = False

    def stop(self) -> None:
        """Tells every watcher that nothing is served any more, and lets it go."""
        self._stopping = True

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: ANN401
        """The state now."""
        status = self._status(request.service)
        if status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Unknown service: '{request.service:.60}'")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(self, request: Any, _: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        """The state now and whenever it changes."""
        last = None
        while True:
            stopping, status = self._stopping, self._status(request.service)
            if status != last:
                yield health_pb2.HealthCheckResponse(status=status)
            last = status
            if stopping:
                return
            await asyncio.sleep(_WATCH_SECONDS)

    def _status(self, name: str) -> int:
        states = health_pb2.HealthCheckResponse
        if name not in ("", self._service.name):
            return int(states.SERVICE_UNKNOWN)
        return int(states.SERVING if self._service.health.ready and not self._stopping else states.NOT_SERVING)
