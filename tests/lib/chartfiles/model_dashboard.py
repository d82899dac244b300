"""The dashboard of one model."""

from typing import Any

from chartfiles.grafana import Panel, dashboard

_PODS = 'namespace=~"$namespace",gpux_io_model=~"$model"'


def _rate(metric: str, labels: str = "") -> str:
    more = f",{labels}" if labels else ""
    return f"rate({metric}{{{_PODS}{more}}}[$__rate_interval])"


def _quantile(share: float, metric: str, by: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{', ' + by if by else ''}) ({_rate(metric)}))"


def model() -> dict[str, Any]:
    """How one model does."""
    panels = [*_requests(), *_runs(), *_tasks(), *_batch_results(), *_callers(), *_pods()]
    variables = {
        "namespace": "label_values(prediction_model, namespace)",
        "model": 'label_values(prediction_model{namespace=~"$namespace"}, gpux_io_model)',
    }
    return dashboard("gpux-model", "GPUX / model", panels, variables)


def _requests() -> list[Panel]:
    return [
        Panel("Requests", {"{{source}}": f"sum by (source) ({_rate('prediction_requests_total')})"}, "reqps"),
        Panel(
            "Answers by code",
            {"{{code}}": f"sum by (code) ({_rate('prediction_responses_total')})"},
            "reqps",
            about="Of /predict; 429 is a full queue, 504 a missed deadline.",
        ),
        Panel(
            "Latency",
            {f"p{share * 100:g}": _quantile(share, "prediction_seconds_bucket") for share in (0.5, 0.95, 0.99)},
            "s",
            about="Of /predict, in the server.",
        ),
        Panel("Stages, p95", {"{{stage}}": _quantile(0.95, "prediction_stage_seconds_bucket", "stage")}, "s"),
    ]


def _runs() -> list[Panel]:
    return [
        Panel(
            "Waiting and running",
            {"waiting": f"sum(prediction_queue_depth{{{_PODS}}})", "running": f"sum(prediction_in_flight{{{_PODS}}})"},
        ),
        Panel(
            "Refused and lost",
            {
                "rejected (429)": f"sum({_rate('prediction_rejections_total')})",
                "past the deadline": f"sum({_rate('prediction_timeouts_total')})",
                "client gone": f"sum({_rate('prediction_disconnects_total')})",
            },
            "reqps",
        ),
        Panel(
            "Samples in a run",
            {
                "mean": f"sum({_rate('prediction_batch_rows_sum')}) / sum({_rate('prediction_batch_rows_count')})",
                "p95": _quantile(0.95, "prediction_batch_rows_bucket"),
            },
        ),
        Panel(
            "Efficiency",
            {"{{pod}}": f"prediction_efficiency_ratio{{{_PODS}}}"},
            "percentunit",
            about="Samples a second of run time over the best rate of the warm-up.",
        ),
    ]


def _tasks() -> list[Panel]:
    return [
        Panel(
            "Tasks by state",
            {"{{state}}": f"max by (state) (prediction_tasks{{{_PODS}}})"},
            about="Of the whole store; every replica counts the same.",
        ),
        Panel("Oldest task that waits", {"age": f"max(prediction_tasks_oldest_seconds{{{_PODS}}})"}, "s"),
        Panel(
            "Tasks that end",
            {
                "{{status}}": f"sum by (status) ({_rate('prediction_tasks_ended_total')})",
                "run again": f"sum({_rate('prediction_task_retries_total')})",
            },
            "ops",
        ),
        Panel("Callbacks", {"{{outcome}}": f"sum by (outcome) ({_rate('prediction_callbacks_total')})"}, "ops"),
    ]


def _batch_results() -> list[Panel]:
    return [
        Panel(
            "Age of the batch result",
            {"age": f"max(prediction_batch_result_age_seconds{{{_PODS}}})"},
            "s",
            about="Of the replica that is furthest behind; nothing before the first result.",
        ),
        Panel(
            "Rows of the batch result",
            {
                "rows": f"max(prediction_batch_result_rows{{{_PODS}}})",
                "without a prediction": f"max(prediction_batch_result_failed_rows{{{_PODS}}})",
            },
            about="Every replica counts the same.",
        ),
        Panel(
            "Look-ups of batch results",
            {"{{outcome}}": f"sum by (outcome) ({_rate('prediction_batch_lookups_total')})"},
            "reqps",
        ),
    ]


def _callers() -> list[Panel]:
    return [
        Panel(
            "Requests by client",
            {"{{client}}": f"sum by (client) ({_rate('prediction_client_requests_total')})"},
            "reqps",
            about="Of any kind; only where spec.access.apiKeys names clients.",
        ),
        Panel(
            "Requests not let in",
            {"{{reason}}": f"sum by (reason) ({_rate('prediction_refused_requests_total')})"},
            "reqps",
            about="No key or a wrong one, a client's rate limit, a page of another origin.",
        ),
    ]


def _pods() -> list[Panel]:
    return [
        Panel("Memory of the process", {"{{pod}}": f"process_resident_memory_bytes{{{_PODS}}}"}, "bytes"),
        Panel("CPU of the process", {"{{pod}}": _rate("process_cpu_seconds_total")}, "short", about="Cores."),
        Panel(
            "GPU memory",
            {
                "{{exported_pod}}": 'DCGM_FI_DEV_FB_USED{exported_namespace=~"$namespace",exported_pod=~"($model)-predictor.*"} * 1048576'
            },
            "bytes",
            about="From NVIDIA's DCGM exporter, where the cluster has it.",
        ),
        Panel("What serves", {"{{pod}} {{version}} {{provider}}": f"prediction_model{{{_PODS}}}"}, kind="stat"),
    ]
