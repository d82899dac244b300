"""How many pods there are, and who decides: the spec, a HorizontalPodAutoscaler, KEDA or Knative, and nobody while suspended.

KServe makes the autoscaler. The Deployment's replicas are KServe's or the autoscaler's, never the operator's.
"""

from typing import Literal

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.checks import SLOWLY, Problem
from gpux_operator.build.metadata import STOP, Manifest
from gpux_operator.build.revision import is_knative
from gpux_operator.build.tasks import tasks_of
from gpux_operator.status.reasons import Reason

CLASS = "serving.kserve.io/autoscalerClass"


def autoscaler(model: GpuxModel) -> Literal["none", "hpa", "keda", "knative"]:
    """KServe's class of the autoscaler: none keeps the Deployment at minReplicas. Knative's own is no class of KServe's."""
    target = model.spec.serving.replicas.target
    if is_knative(model):
        return "knative"
    if target is None:
        return "none"
    return "hpa" if target.metric == "cpu" else "keda"


def autoscaler_problem(model: GpuxModel, prometheus: str | None, has_keda: bool) -> Problem | None:
    """What the cluster lacks for the model's target; None: nothing.

    Args:
        prometheus: the address of the Prometheus that KEDA asks, None where the operator knows none.
        has_keda: whether the cluster serves KEDA's ScaledObjects.
    """
    if autoscaler(model) != "keda" or (prometheus is not None and has_keda):
        return None
    metric = getattr(model.spec.serving.replicas.target, "metric", "")
    missing = (
        "the operator knows no Prometheus: set the chart's autoscaling.prometheusURL"
        if has_keda
        else "the cluster has no ScaledObject resource (keda.sh/v1alpha1): install KEDA"
    )
    message = (
        f"spec.serving.replicas.target: {metric} is scaled by KEDA from Prometheus, and {missing}; or use metric: cpu"
    )
    return Problem(Reason.AUTOSCALER_MISSING, message, SLOWLY)


def suspension(model: GpuxModel) -> Manifest:
    """The annotation that suspends an autoscaled model.

    No autoscaler brings a Deployment back from zero (a HorizontalPodAutoscaler switches itself off there), so KServe takes
    Deployment, Service and Ingress away, and makes them anew. Others keep both: minReplicas is 0.
    """
    return {STOP: "true"} if model.spec.suspend and autoscaler(model) != "none" else {}


def replicas(model: GpuxModel, namespace: str, prometheus: str | None) -> Manifest:
    """The fields of an InferenceService's predictor that say how many pods there are.

    Args:
        prometheus: the address of the Prometheus that KEDA asks.
    """
    spec = model.spec.serving.replicas
    low = 0 if model.spec.suspend and autoscaler(model) == "none" else spec.min
    fields: Manifest = {"minReplicas": low, "maxReplicas": spec.most}
    if spec.target is None:
        return fields
    if spec.target.metric == "cpu":
        return {**fields, "scaleMetric": "cpu", "scaleTarget": spec.target.value}
    query = _waiting(model, namespace) if spec.target.metric == "queue" else _concurrency(model, namespace)
    metric: Manifest = {
        "type": "External",
        "external": {
            "metric": {"backend": "prometheus", "serverAddress": prometheus or "", "query": query},
            "target": {"type": "Value", "value": _threshold(spec.target.value)},  # KEDA divides by the replicas
        },
    }
    return {**fields, "autoScaling": {"metrics": [metric]}}


def _threshold(value: int) -> str:
    """A number that all releases of KServe store as it is written, and that KEDA reads: 1500, 2e3.

    KServe 0.15 rewrites it as Go's resource.Quantity, 2000 to 2k; 0.16 and later hand the text to KEDA, which reads 2e3 as a
    float and refuses 2k.
    """
    exponent = 0
    while value % 1000 == 0:
        value, exponent = value // 1000, exponent + 3
    return f"{value}e{exponent}" if exponent else str(value)


def _waiting(model: GpuxModel, namespace: str) -> str:
    """Requests that wait, of all replicas, and tasks, of which every replica counts the same store."""
    requests = f"sum(prediction_queue_depth{{{_pods(model, namespace)}}})"
    if tasks_of(model) is None:
        return requests
    return f'{requests} + max(prediction_tasks{{{_pods(model, namespace)},state="queued"}})'


def _concurrency(model: GpuxModel, namespace: str) -> str:
    pods = _pods(model, namespace)
    return f"sum(prediction_queue_depth{{{pods}}}) + sum(prediction_in_flight{{{pods}}})"


def _pods(model: GpuxModel, namespace: str) -> str:
    """The labels that a scrape by way of the API server gives. A Deployment's pods end in two words of its own, the first of
    which is cut, or gone, where the name is long (58 characters and 5 random ones).
    """
    name = model.metadata.name
    return f'namespace="{namespace}",pod=~"{name}-predictor-?[a-z0-9]*-?[a-z0-9]{{5}}"'
