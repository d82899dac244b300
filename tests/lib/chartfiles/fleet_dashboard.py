"""The dashboard of all models, and of the operator."""

from typing import Any

from chartfiles.grafana import Panel, dashboard

_BY_MODEL = "sum by (namespace, gpux_io_model)"
_PASSES = "gpux_operator_reconcile_duration_seconds_bucket"
_NAME = "{{namespace}}/{{gpux_io_model}}"
_PLACE = 'namespace=~"$namespace"'
_RATE = "[$__rate_interval]"


def fleet() -> dict[str, Any]:
    """All models, and the operator."""
    panels = [*_readiness(), *_traffic(), *_operator()]
    return dashboard("gpux-fleet", "GPUX / fleet", panels, {"namespace": "label_values(prediction_model, namespace)"})


def _readiness() -> list[Panel]:
    return [
        Panel("Models", {"{{result}}": "sum by (result) (gpux_operator_models)"}, kind="stat"),
        Panel(
            "Models that are not ready, by reason",
            {"{{reason}}": 'sum by (reason) (gpux_operator_models{result!="ready"})'},
        ),
        Panel(
            "Longest without being ready", {"{{reason}}": "max by (reason) (gpux_operator_models_unready_seconds)"}, "s"
        ),
    ]


def _traffic() -> list[Panel]:
    total = f"{_BY_MODEL} (rate(prediction_responses_total{{{_PLACE}}}{_RATE}))"
    seconds = f"sum by (namespace, gpux_io_model, le) (rate(prediction_seconds_bucket{{{_PLACE}}}{_RATE}))"
    return [
        Panel(
            "Requests by model", {_NAME: f"{_BY_MODEL} (rate(prediction_requests_total{{{_PLACE}}}{_RATE}))"}, "reqps"
        ),
        Panel(
            "Errors by model",
            {_NAME: f'{_BY_MODEL} (rate(prediction_responses_total{{{_PLACE},code=~"5.."}}{_RATE})) / {total}'},
            "percentunit",
            about="5xx of all answers of /predict.",
        ),
        Panel(
            "p99 by model",
            {_NAME: f"histogram_quantile(0.99, {seconds})"},
            "s",
        ),
        Panel("Waiting by model", {_NAME: f"{_BY_MODEL} (prediction_queue_depth{{{_PLACE}}})"}),
        Panel(
            "Rejected by model", {_NAME: f"{_BY_MODEL} (rate(prediction_rejections_total{{{_PLACE}}}{_RATE}))"}, "reqps"
        ),
        Panel(
            "Tasks that wait, by model",
            {_NAME: f'max by (namespace, gpux_io_model) (prediction_tasks{{{_PLACE},state="queued"}})'},
        ),
        Panel(
            "Memory by model",
            {_NAME: f'{_BY_MODEL} (process_resident_memory_bytes{{{_PLACE},gpux_io_model!=""}})'},
            "bytes",
        ),
    ]


def _operator() -> list[Panel]:
    return [
        Panel(
            "Operator: leaders",
            {"{{namespace}}": "sum by (namespace) (gpux_operator_leader)"},
            kind="stat",
            about="1 is right.",
        ),
        Panel(
            "Operator: passes by result",
            {"{{result}}": f"sum by (result) (rate(gpux_operator_reconcile_total{_RATE}))"},
            "ops",
        ),
        Panel(
            "Operator: time of a pass",
            {
                f"p{share * 100:g}": f"histogram_quantile({share}, sum by (le) (rate({_PASSES}{_RATE})))"
                for share in (0.5, 0.99)
            },
            "s",
        ),
        Panel(
            "Operator: queue and retries",
            {
                "waiting": "max(gpux_operator_queue_depth)",
                "retries a second": f"sum(rate(gpux_operator_queue_retries_total{_RATE}))",
            },
        ),
        Panel(
            "Operator: requests to the API server",
            {"{{verb}} {{code}}": f"sum by (verb, code) (rate(gpux_operator_api_requests_total{_RATE}))"},
            "reqps",
        ),
    ]
