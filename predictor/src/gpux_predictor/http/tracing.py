"""A span for each request, by OpenTelemetry (extra `telemetry`), exported over OTLP/HTTP as its environment variables say.

Names follow the semantic conventions for HTTP servers; the stages are attributes `gpux.<stage>_ms`.
"""

import os

from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.http.observers import Observer, Seen

_ROUTES = ("/predict", "/health", "/info", "/metrics", "/v1", "/v2")


def tracing() -> Observer:
    """The observer that makes spans.

    Raises:
        LoadError: the SDK is not installed.
    """
    try:
        from opentelemetry import propagate, trace  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise LoadError(
            LoadReason.INTERNAL_ERROR,
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but {error.name} is not installed: pip install gpux-predictor[telemetry]",
        ) from None
    os.environ.setdefault("OTEL_SERVICE_NAME", "gpux-predictor")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("gpux_predictor")

    def observe(seen: Seen) -> None:
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in seen.headers}
        route = next((route for route in _ROUTES if seen.path.startswith(route)), seen.path)
        attributes: dict[str, str | int | float] = {
            "http.request.method": seen.method,
            "url.path": seen.path,
            "http.response.status_code": seen.status,
            **{f"gpux.{stage}_ms": value for stage, value in seen.stages().items()},
        }
        if seen.client is not None:
            attributes["gpux.client"] = seen.client
        span = tracer.start_span(
            f"{seen.method} {route}",
            propagate.extract(carrier),
            trace.SpanKind.SERVER,
            attributes,
            start_time=seen.began,
        )
        if seen.status >= 500:
            span.set_status(trace.StatusCode.ERROR)
        span.end(seen.began + int(seen.seconds * 1e9))

    return observe
