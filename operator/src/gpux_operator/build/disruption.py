"""What keeps a model served while nodes are drained or lost: a PodDisruptionBudget, and pods on several nodes."""

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.metadata import Manifest, child_metadata
from gpux_operator.build.revision import is_knative

_TOPOLOGIES = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def pod_disruption_budget(model: GpuxModel, namespace: str) -> Manifest | None:
    """The budget, of the model's name; None for one replica, whose node could never be drained, and where Knative ends pods as it likes.

    Not `<name>-predictor`: KServe after v0.20 deletes a budget of that name which its InferenceService does not ask for.
    """
    if model.spec.serving.replicas.most == 1 or is_knative(model):
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": child_metadata(model, model.metadata.name, namespace),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": _pods(model)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",  # what does not serve must not hold a node
        },
    }


def spread(model: GpuxModel) -> list[Manifest]:
    """Prefers another node, and another zone, for each pod of a version.

    Also with one replica: `kubectl scale` must roll no pod.
    """
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": _pods(model)},
            "matchLabelKeys": ["pod-template-hash"],
        }
        for key in _TOPOLOGIES
    ]


def _pods(model: GpuxModel) -> dict[str, str]:
    """KServe's own label; ours are on the pods of batch predictions, too."""
    return {"app": f"isvc.{model.metadata.name}-predictor"}
