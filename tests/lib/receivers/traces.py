"""A receiver of traces: an OTLP/HTTP endpoint on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from testcluster.waiting import SOON, eventually


class Collected:
    """The spans that a collector was sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def named(self, name: str, count: int = 1) -> list[Span]:
        """The spans of a name, once there are so many."""

        def found() -> list[Span] | None:
            spans = [span for span in self.spans if span.name == name]
            return spans if len(spans) >= count else None

        return eventually(found, SOON, f"{count} spans {name} arrived: {[span.name for span in self.spans]}")


def attributes(span: Span) -> dict[str, Any]:
    """What a span says of itself."""
    return {item.key: getattr(item.value, str(item.value.WhichOneof("value"))) for item in span.attributes}


@contextmanager
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    """A collector that servers started in the block export to, soon after each span."""
    collected = Collected()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sent = ExportTraceServiceRequest.FromString(body)
            collected.spans.extend(span for r in sent.resource_spans for s in r.scope_spans for span in s.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{httpd.server_port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    try:
        yield collected
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
