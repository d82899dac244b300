"""The request log and traces: off by default, one line or span a request, with the stages in it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import onnxmodels
from predictorserver import serve
from testcluster.waiting import SOON, eventually

MANIFEST = """
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {name: test}
spec: {model: {source: {uri: "file://model.onnx"}}}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    onnxmodels.identity(tmp_path / "model.onnx")
    path = tmp_path / "gpuxmodel.yaml"
    path.write_text(MANIFEST)
    return path


def test_the_request_log(manifest: Path) -> None:
    with serve(manifest, "--log-requests") as server:
        server.http.post("/predict", json={"x": [1, 2]})
        server.http.post("/predict", json={"x": "no"})

        def lines() -> list[dict[str, Any]]:
            found = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
            return [line for line in found if line["path"] == "/predict"]

        eventually(lambda: len(lines()) == 2, SOON, "a line follows its answer")
        predictions = lines()
    assert [line["status"] for line in predictions] == [200, 400]
    assert predictions[0]["method"] == "POST"
    assert {"time", "milliseconds", "queue", "preprocess", "run", "postprocess"} <= predictions[0].keys()


def test_no_log_by_default(manifest: Path) -> None:
    with serve(manifest) as server:
        server.http.post("/predict", json={"x": [1, 2]})
        assert '/predict"' not in server.log.read_text()


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """An OTLP/HTTP endpoint on loopback, and the spans that it was sent."""
    spans: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sent = ExportTraceServiceRequest.FromString(body)
            spans.extend(span for r in sent.resource_spans for s in r.scope_spans for span in s.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}", spans
    finally:
        httpd.shutdown()
        httpd.server_close()


def test_traces(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as (endpoint, spans):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with serve(manifest) as server:
            trace = "0af7651916cd43dd8448eb211c80319c"
            parent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
            assert server.http.post("/predict", json={"x": [1, 2]}, headers=parent).status_code == 200
            assert server.http.get("/nobody/knows/7").status_code == 404
            eventually(lambda: {"POST /predict", "GET"} <= {s.name for s in spans}, SOON, "the spans were exported")
    [span] = [span for span in spans if span.name == "POST /predict"]
    assert span.trace_id.hex() == trace
    assert span.parent_span_id.hex() == "b7ad6b7169203331"
    attributes = {item.key: item.value for item in span.attributes}
    assert attributes["http.response.status_code"].int_value == 200
    assert attributes["http.route"].string_value == "/predict"
    assert "gpux.run_ms" in attributes
    assert span.end_time_unix_nano > span.start_time_unix_nano
