"""A span for each request, by OpenTelemetry (extra `telemetry`), exported over OTLP/HTTP as its environment variables say.

Names follow the semantic conventions for HTTP servers: the method and the route, or the method alone where there is no route. The
stages are attributes `gpux.<stage>_ms`.
"""

import os
import re

from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.http.observers import Observer, Seen

_OWN = (
    "/|/docs|/health|/info|/metrics|/model/info|/openapi[.]json|/page/form[.]json|/predict|/predict/async|/predict/upcoming|"
    "/monitoring/queue|/monitoring/tasks|/v1/models|/v2|/v2/health/live|/v2/health/ready|/v2/models"
)
_ROUTES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(_OWN), ""),
    (re.compile("/predict/batch/.+"), "/predict/batch/{entity}"),
    (re.compile("/monitoring/task_status/[^/]+"), "/monitoring/task_status/{id}"),
    (re.compile("/page/[^/]+"), "/page/{name}"),
    (re.compile("/v1/models/[^/:]+:predict"), "/v1/models/{name}:predict"),
    (re.compile("/v1/models/[^/:]+"), "/v1/models/{name}"),
    *(
        (re.compile(f"/v2/models/[^/]+{version}{call}"), f"/v2/models/{{name}}{shown}{call}")
        for version, shown in (("", ""), ("/versions/[^/]+", "/versions/{version}"))
        for call in ("", "/ready", "/infer")
    ),
)
"""Paths, and the names of their routes; empty where they are their own."""


def route_of(path: str) -> str | None:
    """The route that a path is of, which there are a few dozen of; None for any other, of which callers make up as many as they like."""
    plain = path.rstrip("/") or "/"
    return next((name or plain for pattern, name in _ROUTES if pattern.fullmatch(plain)), None)


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
        route = route_of(seen.path)
        attributes: dict[str, str | int | float] = {
            "http.request.method": seen.method,
            "url.path": seen.path,
            "http.response.status_code": seen.status,
            **{f"gpux.{stage}_ms": value for stage, value in seen.stages().items()},
        }
        if route is not None:
            attributes["http.route"] = route
        if seen.client is not None:
            attributes["gpux.client"] = seen.client
        span = tracer.start_span(
            seen.method if route is None else f"{seen.method} {route}",
            propagate.extract(carrier),
            trace.SpanKind.SERVER,
            attributes,
            start_time=seen.began,
        )
        if seen.status >= 500:
            span.set_status(trace.StatusCode.ERROR)
        span.end(seen.began + int(seen.seconds * 1e9))

    return observe
