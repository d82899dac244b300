"""The gate before every gRPC call: the key is metadata, under the names of the HTTP headers."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from gpux_predictor.access.gate import Gate
from gpux_predictor.errors import RequestError, TooManyRequests

_OPEN = (
    "/grpc.health.v1.Health/",
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
)
"""What probes ask."""
Continuation = Callable[[Any], Awaitable[Any]]


class GrpcGate(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """An interceptor.

    Args:
        gate: says who is let in.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def intercept_service(self, continuation: Continuation, details: Any) -> Any:  # noqa: ANN401
        """The handler of a call, or one that refuses it."""
        if details.method.startswith(_OPEN):
            return await continuation(details)
        try:
            self._gate.admit((name.encode(), _bytes(value)) for name, value in details.invocation_metadata)
        except RequestError as error:
            return _refusing(error)
        return await continuation(details)


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1", "replace") if isinstance(value, str) else value


def _refusing(error: RequestError) -> Any:  # noqa: ANN401
    """A handler for calls of one request, which all but health's are; it answers before the request is decoded."""

    async def refuse(_: Any, context: Any) -> None:  # noqa: ANN401
        if isinstance(error, TooManyRequests):
            pushback = (("grpc-retry-pushback-ms", str(error.retry_after_seconds * 1000)),)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, error.detail, pushback)
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.detail)

    return grpc.unary_unary_rpc_method_handler(refuse)
