"""Prometheus metrics of the predictor; KServe's ModelServer exposes the default registry at /metrics."""

import prometheus_client
from prometheus_client import Counter

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS = Counter("prediction_requests", "Total prediction requests", ["source"])
"""`prediction_requests_total{source="sync"|"async"}`: requests for predictions, whatever came of them."""
TIMEOUTS = Counter("prediction_timeouts", "Total prediction requests that missed their deadline")
"""`prediction_timeouts_total`."""

for _source in ("sync", "async"):
    REQUESTS.labels(source=_source)
