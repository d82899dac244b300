"""What becomes of errors that a service raises, over REST and gRPC; and V1 on a graph with a scalar, end to end."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from onnx import helper
from starlette.applications import Starlette

import onnxmodels
from gpux_api.manifests import parse
from gpux_predictor.batching.item import Timing
from gpux_predictor.errors import DeadlineExceeded, InferenceFailed, TooManyRequests
from gpux_predictor.kserving.grpc_server import GrpcServer
from gpux_predictor.protocols import rest
from gpux_predictor.serving.loading import Origin
from gpux_predictor.serving.service import ModelService, Waiting
from predictorserver import Server, serve
from testcluster.ports import free_ports

MANIFEST = {
    "apiVersion": "gpux.io/v1alpha1",
    "kind": "GpuxModel",
    "metadata": {"name": "test"},
    "spec": {"model": {"source": {"uri": "file://model.onnx"}}},
}
V2 = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}


class Failing(ModelService):
    """A loaded model whose runs end in an error."""

    error: Exception = TooManyRequests("the queue is full", 3)

    async def infer(
        self,
        arrays: Mapping[str, np.ndarray],
        waiting: Waiting = nullcontext,
        timed: Callable[[Timing], None] | None = None,
    ) -> dict[str, Any]:
        raise self.error


@pytest.fixture
def service(tmp_path: Path) -> Failing:
    onnxmodels.identity(tmp_path / "model.onnx")
    service = Failing(parse(MANIFEST), Origin(tmp_path))
    service.load()
    return service


ERRORS = [
    (TooManyRequests("the queue is full", 3), 429, "RESOURCE_EXHAUSTED", "the queue is full"),
    (DeadlineExceeded("too slow"), 504, "DEADLINE_EXCEEDED", "too slow"),
    (InferenceFailed("Inference failed: out of memory"), 500, "INTERNAL", "Inference failed: out of memory"),
    (ZeroDivisionError("a secret"), 500, "INTERNAL", "Inference failed: ZeroDivisionError"),
]


@pytest.mark.parametrize(("error", "status", "code", "detail"), ERRORS)
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/models/test:predict", {"instances": [[1, 2]]}), ("/v2/models/test/infer", V2)]
)
def test_rest(service: Failing, path: str, body: Any, error: Exception, status: int, code: str, detail: str) -> None:
    service.error = error

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=rest.routes(service)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, json=body)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()) == (status, {"error": detail}), code
    assert answer.headers.get("retry-after") == ("3" if status == 429 else None)


@pytest.mark.parametrize(("error", "status", "code", "detail"), ERRORS)
def test_grpc(service: Failing, error: Exception, status: int, code: str, detail: str) -> None:
    service.error = error
    port = free_ports(1)[0]
    tensor = pb.ModelInferRequest.InferInputTensor(
        name="x", datatype="FP32", shape=[1, 2], contents={"fp32_contents": [1, 2]}
    )

    async def ask() -> Any:
        server = GrpcServer(service, "127.0.0.1", port, drain_seconds=5)
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = GRPCInferenceServiceStub(channel).ModelInfer(
                pb.ModelInferRequest(model_name="test", inputs=[tensor])
            )
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
        await server.stop()
        return raised.value

    found = asyncio.run(ask())
    assert (found.code().name, found.details()) == (code, detail), status
    assert dict(found.trailing_metadata() or ()) == ({"grpc-retry-pushback-ms": "3000"} if status == 429 else {})


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """x [batch, 2] and a scalar -> x * scale."""
    folder = tmp_path_factory.mktemp("scaled")
    (folder / "gpuxmodel.yaml").write_text(str(MANIFEST))
    x, y = (onnxmodels.tensor(name, "float32", ["batch", 2]) for name in ("x", "y"))
    mul = helper.make_node("Mul", ["x", "scale"], ["y"])
    onnxmodels.save(folder / "model.onnx", [mul], [x, onnxmodels.tensor("scale", "float32", [])], [y])
    with serve(folder / "gpuxmodel.yaml") as server:
        yield server


def test_v1_with_a_scalar(scaled: Server) -> None:
    """Scales of 10 and 20 were made a vector before, which ran along the columns: [[10, 40], [30, 80]], without an error."""
    rows = [{"x": [1, 2], "scale": 10}, {"x": [3, 4], "scale": 10}]
    answer = scaled.http.post("/v1/models/test:predict", json={"instances": rows})
    assert answer.json() == {"predictions": [[10, 20], [30, 40]]}
    rows[1]["scale"] = 20
    answer = scaled.http.post("/v1/models/test:predict", json={"instances": rows})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(
        "Invalid input value for 'scale': this input is one value for all instances"
    )
