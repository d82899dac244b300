"""Which gRPC calls have a span."""

import asyncio
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from gpux_predictor.kserving.grpc_tracing import GrpcTraces


@pytest.mark.parametrize(
    ("method", "traced"),
    [
        ("/inference.GRPCInferenceService/ModelInfer", True),
        ("/grpc.health.v1.Health/Check", True),
        ("/made.Up/Name", False),
        ("/inference.GRPCInferenceService/Made", False),
    ],
)
def test_names_that_callers_make_up_have_none(method: str, traced: bool) -> None:
    """The gate gives a call that it refuses a handler, whatever the call names."""

    async def refuse(_request: Any, _context: Any) -> Any:
        return None

    handler = grpc.unary_unary_rpc_method_handler(refuse)

    async def continuation(_details: Any) -> Any:
        return handler

    details = SimpleNamespace(method=method, invocation_metadata=())
    traces = GrpcTraces(None)  # type: ignore[arg-type]  # no span is begun before the call is
    found = asyncio.run(traces.intercept_service(continuation, details))
    assert (found is not handler) is traced
