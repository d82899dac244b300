"""Spans by OpenTelemetry (extra `telemetry`), exported over OTLP/HTTP as its environment variables say.

Whoever makes spans is given a `Tracer`, or None: where no variable asks for traces, the SDK is not even imported.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gpux_predictor.errors import LoadError, LoadReason

Attributes = Mapping[str, str | int | float]
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Kind(StrEnum):
    """What a span is of; the names are OpenTelemetry's."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    CONSUMER = "CONSUMER"


class Span:
    """A span that has begun.

    Args:
        span: OpenTelemetry's.
        error: its status of what failed.
    """

    def __init__(self, span: Any, error: Any) -> None:  # noqa: ANN401  (the SDK's, which may not be installed)
        self._span = span
        self._error = error

    @property
    def traceparent(self) -> str:
        """What those who work for it are told (W3C Trace Context, version 00)."""
        found = self._span.get_span_context()
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    def end(self, attributes: Attributes, *, failed: bool = False) -> None:
        """Ends it now; it is exported later, from a thread."""
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(self._error)
        self._span.end()


class Tracer:
    """Begins spans.

    Raises:
        ImportError: the SDK is not installed.
    """

    def __init__(self) -> None:
        from opentelemetry import propagate, trace  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        os.environ.setdefault("OTEL_SERVICE_NAME", "gpux-predictor")
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = provider.get_tracer("gpux_predictor")
        self._trace = trace
        self._callers = propagate
        self._own = TraceContextTextMapPropagator()

    def start(  # noqa: PLR0913
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        caller: Mapping[str, str] | None = None,
        parent: str | None = None,
        link: str | None = None,
        began: int | None = None,
    ) -> Span:
        """Begins a span.

        Args:
            caller: headers or metadata, whose trace is continued in whatever form `OTEL_PROPAGATORS` names; names in lower case.
            parent: the `traceparent` of a span of ours, whose child it is.
            link: the `traceparent` of a span of ours that it comes from without being its child.
            began: nanoseconds since the epoch; None for now.
        """
        trace = self._trace
        context = None
        if caller is not None:
            context = self._callers.extract(caller)
        elif parent is not None:
            context = self._own.extract({"traceparent": parent})
        links = []
        if link is not None:
            linked = trace.get_current_span(self._own.extract({"traceparent": link})).get_span_context()
            links = [trace.Link(linked)] if linked.is_valid else []
        span = self._tracer.start_span(name, context, trace.SpanKind[kind], attributes, links, start_time=began)
        return Span(span, trace.StatusCode.ERROR)


def tracer() -> Tracer | None:
    """The tracer that OpenTelemetry's environment variables ask for; None where they ask for none.

    Raises:
        LoadError: the SDK is not installed.
    """
    wanted = any(os.environ.get(name) for name in _ENDPOINTS)
    if not wanted or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        return Tracer()
    except ImportError as error:
        raise LoadError(
            LoadReason.INTERNAL_ERROR,
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but {error.name} is not installed: pip install gpux-predictor[telemetry]",
        ) from None
