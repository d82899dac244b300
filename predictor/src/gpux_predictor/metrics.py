"""Prometheus metrics of the predictor; KServe's ModelServer exposes the default registry at /metrics.

What is counted on each request is a plain number, written on the event loop only and read when /metrics is asked: a
`prometheus_client` histogram costs 1.5 µs an observation, which is 5 % of a request to a tiny model.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import prometheus_client
from prometheus_client import Counter, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (*(step * scale for scale in (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0) for step in (1.0, 2.5, 5.0)), 10.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
STAGES = ("queue", "preprocess", "run", "postprocess")
SOURCES = ("sync", "async")
REFUSALS = ("unauthorized", "rate_limited", "cross_origin")


class Histogram:
    """Counts in buckets by upper bound; for one thread."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Takes a value in."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """The cumulative counts by upper bound, and the sum, as Prometheus wants them."""
        total, found = 0, []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            found.append(("+Inf" if bound == float("inf") else f"{bound:g}", float(total)))
        return found, self._sum


class _Hot(Collector):
    """What is counted on each request."""

    def __init__(self) -> None:
        self.requests = dict.fromkeys(SOURCES, 0)
        self.answers: dict[int, int] = {}
        self.clients: dict[str, int] = {}
        self.refused = dict.fromkeys(REFUSALS, 0)
        self.stages = {stage: Histogram(_SECONDS) for stage in STAGES}
        self.seconds = Histogram(_SECONDS)
        self.rows = Histogram(_ROWS)

    def at_once(self, rows: int, preprocess: float, run: float, postprocess: float) -> None:
        """Takes a request in that did not wait, with its stages in seconds."""
        self.requests["sync"] += 1
        self.staged(0.0, preprocess, run, postprocess)
        self.rows.observe(rows)

    def staged(self, queue: float, preprocess: float, run: float, postprocess: float) -> None:
        """Takes the stages of a request in, in seconds."""
        stages = self.stages
        stages["queue"].observe(queue)
        stages["preprocess"].observe(preprocess)
        stages["run"].observe(run)
        stages["postprocess"].observe(postprocess)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand now."""
        requests = CounterMetricFamily("prediction_requests", "Total prediction requests", labels=["source"])
        for source, count in self.requests.items():
            requests.add_metric([source], count)
        yield requests
        answers = CounterMetricFamily("prediction_responses", "Answers to predictions by HTTP status", labels=["code"])
        for code, count in self.answers.items():
            answers.add_metric([str(code)], count)
        yield answers
        clients = CounterMetricFamily("prediction_client_requests", "Requests that a key let in", labels=["client"])
        for client, count in self.clients.items():
            clients.add_metric([client], count)
        yield clients
        refused = CounterMetricFamily("prediction_refused_requests", "Requests not let in", labels=["reason"])
        for reason, count in self.refused.items():
            refused.add_metric([reason], count)
        yield refused
        stages = HistogramMetricFamily("prediction_stage_seconds", "Time of each stage of a request", labels=["stage"])
        for stage, histogram in self.stages.items():
            stages.add_metric([stage], *histogram.buckets())
        yield stages
        for name, text, histogram in (
            ("prediction_seconds", "Time of a request in the server", self.seconds),
            ("prediction_batch_rows", "Samples in a run", self.rows),
        ):
            family = HistogramMetricFamily(name, text)
            family.add_metric([], *histogram.buckets())
            yield family


HOT = _Hot()
prometheus_client.REGISTRY.register(HOT)

REQUESTS = HOT.requests
"""`prediction_requests_total{source="sync"|"async"}`: requests for predictions, whatever came of them."""
ANSWERS = HOT.answers
CLIENTS = HOT.clients
"""By the name of the client whose key came."""
REFUSED = HOT.refused
SECONDS = HOT.seconds
BATCH_ROWS = HOT.rows
TIMEOUTS = Counter("prediction_timeouts", "Total prediction requests that missed their deadline")
"""`prediction_timeouts_total`."""
REJECTIONS = Counter("prediction_rejections", "Total prediction requests answered 429 for the backlog")
DISCONNECTS = Counter("prediction_disconnects", "Total prediction requests whose client went away before the answer")
QUEUE = Gauge("prediction_queue_depth", "Requests that wait for a run")
RUNNING = Gauge("prediction_in_flight", "Requests that run")
EFFICIENCY = Gauge("prediction_efficiency_ratio", "Samples a second of run time over the best rate measured at warm-up")
TASKS = Gauge("prediction_tasks", "Tasks that are kept", ["state"])
OLDEST_TASK = Gauge("prediction_tasks_oldest_seconds", "How long the oldest task that waits has waited")
TASKS_STORED = Gauge("prediction_tasks_stored_bytes", "What the bodies and results of tasks take")
TASKS_ENDED = Counter("prediction_tasks_ended", "Total tasks that ended on this replica", ["status"])
TASK_RETRIES = Counter("prediction_task_retries", "Total runs of tasks on this replica that were not their first")
CALLBACKS = Counter("prediction_callbacks", "Total requests that told a caller of a task's end", ["outcome"])
MODEL = Gauge("prediction_model", "The model that serves", ["model", "version", "provider"])
LOOKUPS = Counter(
    "prediction_batch_lookups", "Look-ups of precomputed predictions: found, failed, unknown, none", ["outcome"]
)


def watch_result(figures: Callable[[], tuple[float, int, int]]) -> None:
    """Reads the newest batch result's end (seconds since the epoch), rows and failed rows when /metrics is asked.

    The gauges exist only where the manifest has a batch: an alert on an age must not see models without one.
    """
    age = Gauge("prediction_batch_result_age_seconds", "Age of the newest batch result; NaN before the first")
    age.set_function(lambda: time.time() - figures()[0])
    rows = Gauge("prediction_batch_result_rows", "Rows of the newest batch result's table")
    rows.set_function(lambda: figures()[1])
    failed = Gauge("prediction_batch_result_failed_rows", "Rows of the newest batch result without a prediction")
    failed.set_function(lambda: figures()[2])


def watch(depth: Callable[[], tuple[int, int]], efficiency: Callable[[], float]) -> None:
    """Reads queue depth, requests that run, and efficiency from the server when /metrics is asked."""
    QUEUE.set_function(lambda: depth()[0])
    RUNNING.set_function(lambda: depth()[1])
    EFFICIENCY.set_function(efficiency)


def watch_tasks(counts: Callable[[], Mapping[str, int]], oldest: Callable[[], float], size: Callable[[], int]) -> None:
    """Reads the tasks from the server when /metrics is asked: how many in each state, the age of the oldest, bytes.

    What is counted of them is there from the start: Prometheus sees no increase in a series that begins at 1.
    """
    for status in ("success", "failure"):
        TASKS_ENDED.labels(status)
    for outcome in ("delivered", "retried", "failed"):
        CALLBACKS.labels(outcome)
    for state in ("queued", "running", "succeeded", "failed"):
        TASKS.labels(state).set_function(partial(_of_state, counts, state))
    OLDEST_TASK.set_function(oldest)
    TASKS_STORED.set_function(size)


def _of_state(counts: Callable[[], Mapping[str, int]], state: str) -> float:
    return counts().get(state, 0)


def answered(code: int, seconds: float) -> None:
    """Counts an answer, and the time it took in the server."""
    ANSWERS[code] = ANSWERS.get(code, 0) + 1
    SECONDS.observe(seconds)
