"""gRPC through KServe's and Triton's clients, grpc.health.v1, codes, deadlines and the drain."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

import onnxmodels
from gpux_predictor.http.body import MAX_BODY_BYTES
from predictorserver import PROGRAM, Server, serve
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

MANIFEST = """
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {{name: test}}
spec: {{model: {{version: "3", source: {{uri: "file://model.onnx"}}}}{more}}}
"""
TRITON = Path(__file__).with_name("triton_grpc_client.py")
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def manifest(folder: Path, more: str = "") -> Path:
    path = folder / "gpuxmodel.yaml"
    path.write_text(MANIFEST.format(more=more))
    return path


@contextmanager
def serve_grpc(path: Path, *, ready: bool = True) -> Iterator[tuple[Server, Any]]:
    """A server and a channel to its gRPC port."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with (
        serve(path, "--grpc-port", address.rpartition(":")[2], ready=ready) as server,
        grpc.insecure_channel(address, UNLIMITED) as channel,
    ):
        channel.address = address
        yield server, channel


@pytest.fixture(scope="module")
def channel(folder: Path) -> Iterator[Any]:
    with serve_grpc(manifest(folder)) as (_, channel):
        yield channel


def request(**tensors: tuple[str, list[int], dict[str, Any]]) -> Any:
    inputs = [
        pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, contents=contents)
        for name, (datatype, shape, contents) in tensors.items()
    ]
    return pb.ModelInferRequest(model_name="test", inputs=inputs)


def typed() -> Any:
    numbers = {"fp32_contents": [1.5, 2, 3]}
    return request(
        a=("FP32", [1, 3], numbers),
        b=("FP32", [1, 3], numbers),
        words=("BYTES", [1], {"bytes_contents": ["ü".encode()]}),
    )


def code_of(call: Any, *arguments: Any, **keywords: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments, **keywords)
    return raised.value.code().name, raised.value.details()


def test_tritons_client(channel: Any, folder: Path) -> None:
    command = [sys.executable, str(TRITON), channel.address, str(folder / "model.onnx")]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("raw", [True, False])
def test_kserves_client(channel: Any, raw: bool) -> None:
    a = np.array([[1.5, -2, 3], [0, 1, 2]], dtype=np.float32)
    words = np.array(["größe", ""], dtype=object)

    async def ask() -> Any:
        inputs = [InferInput(name, [2, 3], "FP32") for name in ("a", "b")] + [InferInput("words", [2], "BYTES")]
        for item, array in zip(inputs, (a, a, words), strict=True):
            item.set_data_from_numpy(array, binary_data=raw)
        async with InferenceGRPCClient(channel.address) as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready("test")
            return await client.infer(InferRequest("test", inputs, request_id="7"))

    answer = asyncio.run(ask())
    assert (answer.id, [output.name for output in answer.outputs]) == ("7", ["sum", "product", "said"])
    np.testing.assert_array_equal(answer.outputs[0].as_numpy(), a + a)
    np.testing.assert_array_equal(answer.outputs[1].as_numpy(), a * a)
    assert [item.decode() for item in answer.outputs[2].as_numpy()] == list(words)


def test_typed_contents_are_answered_typed(channel: Any) -> None:
    answer = GRPCInferenceServiceStub(channel).ModelInfer(typed())
    assert not answer.raw_output_contents
    assert list(answer.outputs[0].contents.fp32_contents) == [3, 4, 6]
    assert list(answer.outputs[2].contents.bytes_contents) == ["ü".encode()]
    assert list(answer.outputs[2].shape) == [1]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64", "float64", "bool"])
def test_typed_contents_of_every_kind(tmp_path: Path, dtype: str) -> None:
    fields = {"int8": "int", "uint8": "uint", "int32": "int", "float64": "fp64"}
    field, datatype = fields.get(dtype, dtype) + "_contents", {"float64": "FP64"}.get(dtype, dtype.upper())
    onnxmodels.identity(tmp_path / "model.onnx", dtype, ["n"])
    with serve_grpc(manifest(tmp_path)) as (_, channel):
        infer = GRPCInferenceServiceStub(channel).ModelInfer
        answer = infer(request(x=(datatype, [2], {field: [0, 1]})))
        assert list(getattr(answer.outputs[0].contents, field)) == [0, 1]
        if dtype in ("int8", "uint8"):
            code, detail = code_of(infer, request(x=(datatype, [2], {field: [0, 300]})))
            assert (code, detail) == (
                "INVALID_ARGUMENT",
                f"Invalid input value for 'x': 300 is out of range for {dtype}",
            )


@pytest.mark.parametrize(("dtype", "datatype"), [("float16", "FP16"), ("bfloat16", "BF16")])
def test_half_floats_are_raw(tmp_path: Path, dtype: str, datatype: str) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", dtype, ["n"])
    bits = np.array([0x3C00, 0x4000], dtype="<u2").tobytes()
    with serve_grpc(manifest(tmp_path)) as (_, channel):
        infer = GRPCInferenceServiceStub(channel).ModelInfer
        tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=[2])
        message = pb.ModelInferRequest(model_name="test", inputs=[tensor], raw_input_contents=[bits])
        answer = infer(message)
        assert (answer.outputs[0].datatype, list(answer.raw_output_contents)) == (datatype, [bits])
        wrong = request(x=(datatype, [2], {"fp32_contents": [1, 2]}))
        assert code_of(infer, wrong) == (
            "INVALID_ARGUMENT",
            f"Invalid input value for 'x': {datatype} goes into raw_input_contents",
        )


def _both() -> Any:
    message = typed()
    message.raw_input_contents.extend([bytes(12), bytes(12), b"\0\0\0\0"])
    return message


def _changed(**changes: Any) -> Any:
    message = typed()
    message.MergeFrom(pb.ModelInferRequest(**changes))
    return message


@pytest.mark.parametrize(
    ("message", "code", "detail"),
    [
        (_changed(model_name="other"), "NOT_FOUND", "Unknown model: 'other'; this server serves 'test'"),
        (_changed(model_version="4"), "NOT_FOUND", "Unknown version: '4' of model 'test'; this server serves '3'"),
        (_changed(raw_input_contents=[b""]), "INVALID_ARGUMENT", "3 inputs, but raw_input_contents has 1 entries"),
        (_both(), "INVALID_ARGUMENT", "'a': it is in contents and in raw_input_contents"),
        (_changed(outputs=[{"name": "z"}]), "INVALID_ARGUMENT", "Unknown output: 'z'; this model gives 'sum'"),
        (request(a=("FP64", [1, 3], {})), "INVALID_ARGUMENT", "'a': expected datatype FP32, found FP64"),
        (request(a=("FP32", [1, 3], {"fp64_contents": [1]})), "INVALID_ARGUMENT", "FP32 goes into fp32_contents, found fp64"),
        (request(a=("FP32", [1, 3], {"fp32_contents": [1]})), "INVALID_ARGUMENT", "1 elements do not fill the shape [1, 3]"),
        (request(a=("FP32", [-1, 3], {})), "INVALID_ARGUMENT", "[-1, 3] is no shape"),
        (request(words=("BYTES", [1], {"bytes_contents": [b"\xff"]})), "INVALID_ARGUMENT", "element 0 is no UTF-8"),
        (request(), "INVALID_ARGUMENT", "Missing required input: 'a'"),
    ],
)  # fmt: skip
def test_errors(channel: Any, message: Any, code: str, detail: str) -> None:
    found = code_of(GRPCInferenceServiceStub(channel).ModelInfer, message)
    assert found[0] == code
    assert detail in found[1]


def test_models_are_neither_loaded_nor_unloaded(channel: Any) -> None:
    stub = GRPCInferenceServiceStub(channel)
    for call, message in (
        (stub.RepositoryModelLoad, pb.RepositoryModelLoadRequest(model_name="test")),
        (stub.RepositoryModelUnload, pb.RepositoryModelUnloadRequest(model_name="test")),
    ):
        assert code_of(call, message) == ("UNIMPLEMENTED", "which model is served is the manifest's business")
    assert stub.ServerReady(pb.ServerReadyRequest()).ready


def test_a_message_over_the_limit(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", "uint8", ["n"])
    with serve_grpc(manifest(tmp_path)) as (server, channel):
        infer = GRPCInferenceServiceStub(channel).ModelInfer
        size = 20 * 2**20  # KServe's own server takes 8 MiB
        tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="UINT8", shape=[size])
        message = pb.ModelInferRequest(model_name="test", inputs=[tensor], raw_input_contents=[bytes(size)])
        assert infer(message).raw_output_contents[0] == bytes(size)
        message.raw_input_contents[0] = bytes(MAX_BODY_BYTES)
        assert code_of(infer, message)[0] == "RESOURCE_EXHAUSTED"
        assert "Traceback" not in server.log.read_text()


def test_health(tmp_path: Path) -> None:
    states = health_pb2.HealthCheckResponse
    onnxmodels.identity(tmp_path / "model.onnx")
    with serve_grpc(manifest(tmp_path)) as (server, channel):
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", "test"):
            assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == states.SERVING
        assert code_of(health.Check, health_pb2.HealthCheckRequest(service="other"))[0] == "NOT_FOUND"
        unknown = next(health.Watch(health_pb2.HealthCheckRequest(service="other")))
        assert unknown.status == states.SERVICE_UNKNOWN
        watched = health.Watch(health_pb2.HealthCheckRequest(service="test"))
        assert next(watched).status == states.SERVING
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert [answer.status for answer in watched] == [states.NOT_SERVING], "told, and let go"
        assert server.process.wait(timeout=SOON) == 0
        assert time.monotonic() - started < 25, "a watcher does not hold up the drain, which may take 35 s"
        assert "Traceback" not in server.log.read_text()


def test_not_ready(tmp_path: Path) -> None:
    states = health_pb2.HealthCheckResponse
    with serve_grpc(manifest(tmp_path), ready=False) as (server, channel):
        eventually(lambda: "ModelFileNotFound" in server.http.get("/health").text, SOON, "the reason is there")
        assert health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status == states.NOT_SERVING
        stub = GRPCInferenceServiceStub(channel)
        assert stub.ServerLive(pb.ServerLiveRequest()).live
        assert not stub.ServerReady(pb.ServerReadyRequest()).ready
        assert not stub.ModelReady(pb.ModelReadyRequest(name="test")).ready
        for call, message in ((stub.ModelInfer, typed()), (stub.ModelMetadata, pb.ModelMetadataRequest(name="test"))):
            code, detail = code_of(call, message)
            assert code == "UNAVAILABLE"
            assert detail.startswith("The model is not ready: ModelFileNotFound: ")


def slow_request() -> Any:
    return request(x=("FP32", [2], {"fp32_contents": [1, 2]}))


def _idle(server: Server) -> bool:
    """Whether the process uses next to no CPU for half a second."""
    stat = Path(f"/proc/{server.process.pid}/stat")

    def ticks() -> int:
        return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))

    before = ticks()
    time.sleep(0.5)
    return ticks() - before < 20


def test_deadlines_and_cancellation_stop_the_run(tmp_path: Path) -> None:
    onnxmodels.slow(tmp_path / "model.onnx", 200_000_000)
    with serve_grpc(manifest(tmp_path, ", runtime: {timeoutSeconds: 60}")) as (server, channel):
        stub = GRPCInferenceServiceStub(channel)
        assert code_of(stub.ModelInfer, slow_request(), timeout=1)[0] == "DEADLINE_EXCEEDED"
        eventually(lambda: _idle(server), SOON, "the run of a caller whose deadline passed has ended")
        call = stub.ModelInfer.future(slow_request())
        eventually(lambda: not _idle(server), SOON, "the run has begun")
        call.cancel()
        eventually(lambda: _idle(server), SOON, "the run of a caller who went away has ended")
        assert "Traceback" not in server.log.read_text()


def test_the_servers_own_deadline(tmp_path: Path) -> None:
    onnxmodels.slow(tmp_path / "model.onnx", 200_000_000)
    with serve_grpc(manifest(tmp_path, ", runtime: {timeoutSeconds: 1}")) as (_, channel):
        assert code_of(GRPCInferenceServiceStub(channel).ModelInfer, slow_request()) == (
            "DEADLINE_EXCEEDED",
            "The prediction took longer than 1 s (runtime.timeoutSeconds)",
        )


def test_what_was_accepted_before_sigterm_is_answered(tmp_path: Path) -> None:
    onnxmodels.slow(tmp_path / "model.onnx", 3_000_000)
    with (
        serve_grpc(manifest(tmp_path, ", runtime: {timeoutSeconds: 120}")) as (server, channel),
        ThreadPoolExecutor() as pool,
    ):
        stub = GRPCInferenceServiceStub(channel)
        asked = pool.submit(stub.ModelInfer, slow_request())
        eventually(lambda: 'source="sync"} 1.0' in server.http.get("/metrics").text, SOON, "the request is running")
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: _refused(stub), SOON, "nothing new is taken")
        assert not asked.done()
        assert list(asked.result().outputs[0].shape) == [2]
        assert server.process.wait(timeout=SOON) == 0
        assert "Traceback" not in server.log.read_text()


def _refused(stub: Any) -> bool:
    try:
        stub.ServerLive(pb.ServerLiveRequest())
    except grpc.RpcError as error:
        return bool(error.code() == grpc.StatusCode.UNAVAILABLE)
    return False


def test_ports_that_cannot_be_used(tmp_path: Path, channel: Any) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    free, taken = str(free_ports(1)[0]), channel.address.rpartition(":")[2]
    for arguments, code, message in (
        (
            (free, taken),
            1,
            f"cannot listen on 127.0.0.1 port {taken}: Address already in use: choose --host and --grpc-port",
        ),
        ((free, free), 2, f"port {free} cannot be the HTTP and the gRPC port: choose --port or --grpc-port"),
    ):
        command = [str(PROGRAM), "serve", str(manifest(tmp_path)), "--port", arguments[0], "--grpc-port", arguments[1]]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (found.returncode, message in found.stderr) == (code, True), found.stderr


def test_no_grpc_unless_asked_for(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    with serve(manifest(tmp_path)) as server:
        assert len(_listening(server)) == 1


def _listening(server: Server) -> set[str]:
    """The inodes of the process's listening sockets."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
    return listening & {str(fd.readlink()) for fd in Path(f"/proc/{server.process.pid}/fd").iterdir()}
