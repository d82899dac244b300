"""The operator's own Prometheus metrics. No label grows with the number of models."""

from collections.abc import Callable, Iterator

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gpux_operator.engine.census import Census

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class _Models(Collector):
    """The models as the leader sees them; a standby exports none."""

    def __init__(self, census: Callable[[], Census | None]) -> None:
        self._census = census

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand now."""
        census = self._census()
        counts = census.counts() if census else {}
        models = GaugeMetricFamily(
            "gpux_operator_models", "Models by what their last pass found.", labels=["result", "reason"]
        )
        for (result, reason), number in counts.items():
            models.add_metric([result, reason], number)
        yield models
        longest = census.unready_seconds() if census else {}
        waits = GaugeMetricFamily(
            "gpux_operator_models_unready_seconds", "How long a model has not been ready, at most.", labels=["reason"]
        )
        for reason, seconds in longest.items():
            waits.add_metric([reason], seconds)
        yield waits


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.reconciles = Counter(
            "gpux_operator_reconcile", "Passes by how they ended.", ["result"], registry=self.registry
        )
        self.seconds = Histogram(
            "gpux_operator_reconcile_duration_seconds", "Time of one pass.", registry=self.registry
        )
        self.queue_depth = Gauge("gpux_operator_queue_depth", "Models waiting for a pass.", registry=self.registry)
        self.retries = Counter(
            "gpux_operator_queue_retries", "Passes that are tried again after a failure.", registry=self.registry
        )
        self.requests = Counter(
            "gpux_operator_api_requests",
            "Requests to the API server.",
            ["verb", "resource", "code"],
            registry=self.registry,
        )
        self.leader = Gauge("gpux_operator_leader", "1 while this replica leads.", registry=self.registry)
        self.watch_last_event = Gauge(
            "gpux_operator_watch_last_event_timestamp_seconds",
            "When a watch last saw an event.",
            ["resource"],
            registry=self.registry,
        )

    def observe_reconcile(self, result: str, seconds: float) -> None:
        """One pass ended."""
        self.reconciles.labels(result).inc()
        self.seconds.observe(seconds)
        if result in {"error", "bug"}:
            self.retries.inc()

    def count_request(self, verb: str, resource: str, code: str) -> None:
        """One request was answered, or not."""
        self.requests.labels(verb, resource, code).inc()

    def serve(
        self,
        port: int,
        queue_depth: Callable[[], int],
        leads: Callable[[], bool],
        census: Callable[[], Census | None] = lambda: None,
    ) -> None:
        """Serve /metrics on all addresses, in a thread of its own."""
        self.queue_depth.set_function(queue_depth)
        self.leader.set_function(leads)
        self.registry.register(_Models(census))
        start_http_server(port, registry=self.registry)
