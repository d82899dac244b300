"""The operator's own Prometheus metrics. No label grows with the number of models."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.process_collector import ProcessCollector


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

    def serve(self, port: int, queue_depth: Callable[[], int], leads: Callable[[], bool]) -> None:
        """Serve /metrics on all addresses, in a thread of its own."""
        self.queue_depth.set_function(queue_depth)
        self.leader.set_function(leads)
        start_http_server(port, registry=self.registry)
