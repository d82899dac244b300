"""A span for each gRPC call. Names follow the semantic conventions for RPC servers; the stages are attributes `gpux.<stage>_ms`, as
those of requests over HTTP are.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from kserve.protocol.grpc import grpc_predict_v2_pb2

from gpux_predictor.batching.item import Timing
from gpux_predictor.kserving.grpc_gate import Continuation
from gpux_predictor.kserving.grpc_service import Inference
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.tracing import Kind, Span, Tracer

_OURS = frozenset(
    code.value[0]
    for code in (
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
)
"""Codes that are a server's error, by the conventions; the others are the caller's."""
_LATE_SECONDS = 0.1
"""A caller's deadline began before ours, by the way of its call to us: what it cancels so shortly before is late."""
_METHODS = frozenset(
    f"/{service.full_name}/{method.name}"
    for file in (grpc_predict_v2_pb2, health_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
)
_STAGES: ContextVar[dict[str, float]] = ContextVar("stages")
"""Of the call that is under way, in milliseconds."""


class TracedInference(Inference):
    """The service, with the stages of each inference told to its span."""

    async def _arrays(self, signature: Signature, request: Any) -> Any:  # noqa: ANN401
        return await _timed("preprocess", super()._arrays(signature, request))

    def _infer(self, arrays: Any) -> Awaitable[dict[str, Any]]:  # noqa: ANN401
        return self._service.infer(arrays, timed=_ran)

    async def _response(self, signature: Signature, request: Any, outputs: dict[str, Any]) -> Any:  # noqa: ANN401
        return await _timed("postprocess", super()._response(signature, request, outputs))


class GrpcTraces(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """An interceptor; a call of no method of ours has no span, since callers make up as many as they like.

    Args:
        tracer: makes the spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    async def intercept_service(self, continuation: Continuation, details: Any) -> Any:  # noqa: ANN401
        """The handler of a call, in a span."""
        began = time.time_ns()
        handler = await continuation(details)
        if handler is None or details.method not in _METHODS:
            return handler  # refused for its key, it has a handler whatever it names
        caller = {name: value for name, value in details.invocation_metadata if isinstance(value, str)}
        method = details.method.lstrip("/")
        service, _, name = method.rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}

        def start() -> Span:
            return self._tracer.start(method, Kind.SERVER, attributes, caller=caller, began=began)

        if handler.response_streaming:
            return handler._replace(unary_stream=_streaming(handler.unary_stream, start))
        return handler._replace(unary_unary=_single(handler.unary_unary, start))


def _single(behave: Callable[[Any, Any], Awaitable[Any]], start: Callable[[], Span]) -> Any:  # noqa: ANN401
    async def traced(request: Any, context: Any) -> Any:  # noqa: ANN401
        span, code = start(), None
        stages: dict[str, float] = {}
        _STAGES.set(stages)
        try:
            return await behave(request, context)
        except BaseException as error:
            code = _code(error, context)
            raise
        finally:
            _end(span, code or grpc.StatusCode.OK.value[0], stages)

    return traced


def _streaming(behave: Callable[[Any, Any], AsyncIterator[Any]], start: Callable[[], Span]) -> Any:  # noqa: ANN401
    async def traced(request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        span, code = start(), None
        try:
            async for answer in behave(request, context):
                yield answer
        except BaseException as error:
            code = _code(error, context)
            raise
        finally:
            _end(span, code or grpc.StatusCode.OK.value[0], {})

    return traced


def _code(error: BaseException, context: Any) -> int:  # noqa: ANN401
    """The code that the caller sees."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        left = context.time_remaining()
        late = left is not None and left <= _LATE_SECONDS
        code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
    else:
        code = context.code() or grpc.StatusCode.UNKNOWN
    return int(code if isinstance(code, int) else code.value[0])


def _end(span: Span, code: int, stages: dict[str, float]) -> None:
    measured = {f"gpux.{stage}_ms": round(value, 3) for stage, value in stages.items()}
    span.end({"rpc.grpc.status_code": code, **measured}, failed=code in _OURS)


def _ran(timing: Timing) -> None:
    _STAGES.get().update(queue=1e3 * timing.queue, run=1e3 * timing.run)


async def _timed(stage: str, work: Awaitable[Any]) -> Any:  # noqa: ANN401
    began = time.perf_counter()
    found = await work
    _STAGES.get()[stage] = 1e3 * (time.perf_counter() - began)
    return found
