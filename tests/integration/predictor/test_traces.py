"""Spans of requests over HTTP and gRPC, as a collector receives them from a real server."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from batchinglab import spinning_graph
from predictorserver import Server, serve
from receivers.traces import Collected, attributes, collector
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

MANIFEST = """
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {name: test}
spec:
  model: {source: {uri: "file://model.onnx"}}
  serving: {protocols: [v1, v2, grpc]}
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
PARENT = ("traceparent", f"00-{TRACE}-{CALLER}-01")
INFER = "inference.GRPCInferenceService/ModelInfer"


@dataclass
class Traced:
    """A server, a channel to its gRPC port, and what it exports."""

    server: Server
    channel: Any
    collected: Collected


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traced")
    spinning_graph(folder / "model.onnx")
    path = folder / "gpuxmodel.yaml"
    path.write_text(MANIFEST)
    [port] = free_ports(1)
    with (
        pytest.MonkeyPatch.context() as patch,
        collector(patch) as collected,
        serve(path, "--grpc-port", str(port)) as server,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Traced(server, channel, collected)


def infer(name: str = "test", steps: float = 1.0) -> Any:
    tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, 1])
    tensor.contents.fp32_contents.append(steps)
    return pb.ModelInferRequest(model_name=name, inputs=[tensor])


def test_a_request_over_http(traced: Traced) -> None:
    http = traced.server.http
    assert http.post("/predict", json={"x": [[1.0]]}, headers=dict([PARENT])).status_code == 200
    assert http.get("/nobody/knows/7").status_code == 404
    [span] = traced.collected.named("POST /predict")
    assert span.kind == Span.SPAN_KIND_SERVER
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, CALLER)
    said = attributes(span)
    assert (said["http.response.status_code"], said["http.route"]) == (200, "/predict")
    assert {"gpux.queue_ms", "gpux.preprocess_ms", "gpux.run_ms", "gpux.postprocess_ms"} <= said.keys()
    assert span.end_time_unix_nano > span.start_time_unix_nano
    [unknown] = [span for span in traced.collected.named("GET") if attributes(span)["url.path"] == "/nobody/knows/7"]
    assert "http.route" not in attributes(unknown)


def test_a_call_over_grpc(traced: Traced) -> None:
    GRPCInferenceServiceStub(traced.channel).ModelInfer(infer(), metadata=[PARENT])
    [span] = [span for span in traced.collected.named(INFER) if span.trace_id.hex() == TRACE]
    assert span.kind == Span.SPAN_KIND_SERVER
    assert span.parent_span_id.hex() == CALLER
    assert span.status.code == Status.STATUS_CODE_UNSET
    said = attributes(span)
    assert said["rpc.system"] == "grpc"
    assert said["rpc.service"] == "inference.GRPCInferenceService"
    assert said["rpc.method"] == "ModelInfer"
    assert said["rpc.grpc.status_code"] == 0
    assert {"gpux.queue_ms", "gpux.preprocess_ms", "gpux.run_ms", "gpux.postprocess_ms"} <= said.keys()
    assert span.end_time_unix_nano > span.start_time_unix_nano


def test_a_call_over_grpc_that_is_refused(traced: Traced) -> None:
    span = refused(traced, grpc.StatusCode.NOT_FOUND, infer("other"))
    assert span.status.code == Status.STATUS_CODE_UNSET, "the caller's error"


def test_a_call_over_grpc_that_takes_too_long(traced: Traced) -> None:
    span = refused(traced, grpc.StatusCode.DEADLINE_EXCEEDED, infer(steps=1e10), timeout=1)
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.end_time_unix_nano - span.start_time_unix_nano > 0.5e9


def refused(traced: Traced, code: Any, request: Any, **options: Any) -> Span:
    """The span of a call that ends with this code."""
    trace = secrets.token_hex(16)
    caller = [("traceparent", f"00-{trace}-{CALLER}-01")]
    with pytest.raises(grpc.RpcError) as caught:
        GRPCInferenceServiceStub(traced.channel).ModelInfer(request, metadata=caller, **options)
    assert caught.value.code() is code

    def found() -> Span | None:
        return next((span for span in traced.collected.spans if span.trace_id.hex() == trace), None)

    span = eventually(found, SOON, "the span arrived")
    assert attributes(span)["rpc.grpc.status_code"] == code.value[0]
    return span


def test_a_stream_that_its_caller_leaves(traced: Traced) -> None:
    watch = health_pb2_grpc.HealthStub(traced.channel).Watch(health_pb2.HealthCheckRequest())
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()
    [span] = traced.collected.named("grpc.health.v1.Health/Watch")
    assert attributes(span)["rpc.grpc.status_code"] == grpc.StatusCode.CANCELLED.value[0]


def test_a_call_of_no_method_has_no_span(traced: Traced) -> None:
    with pytest.raises(grpc.RpcError):
        traced.channel.unary_unary("/made.Up/Name")(b"")
    GRPCInferenceServiceStub(traced.channel).ServerLive(pb.ServerLiveRequest())
    traced.collected.named("inference.GRPCInferenceService/ServerLive")
    assert "made.Up/Name" not in {span.name for span in traced.collected.spans}
