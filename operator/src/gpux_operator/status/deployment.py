"""What a Deployment says of the current intent. It is KServe's, and follows the InferenceService with a delay."""

from gpux_operator.build.metadata import Manifest, pod_hash_of
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed, is_ready, is_seen


def picked_up(deployment: Manifest, intent: Intent, observed: Observed) -> bool:
    """Whether the Deployment and its controller carry the current intent."""
    spec = deployment["spec"]
    return (
        pod_hash_of(spec["template"]) == intent.pod_hash
        and (intent.autoscaled or spec.get("replicas") == intent.replicas)
        and _has_strategy(spec.get("strategy") or {}, intent.strategy)
        and (is_seen(deployment) or _was_only_scaled(intent, observed))
    )


def _was_only_scaled(intent: Intent, observed: Observed) -> bool:
    """An autoscaler's write is a new version of the Deployment too. It changes no pod: all are of the newest generation."""
    running = observed.running_pods()
    return (
        intent.autoscaled
        and all(pod_hash_of(pod) == intent.pod_hash for pod in running)
        and sum(map(is_ready, running)) >= intent.replicas
    )


def _has_strategy(strategy: Manifest, wanted: Manifest) -> bool:
    """It rolls no pod, so nothing else would show that KServe hasn't passed it on."""
    rolling = strategy.get("rollingUpdate") or {}
    return bool(strategy.get("type") == wanted["type"]) and wanted.get("rollingUpdate", {}).items() <= rolling.items()


def all_newest(deployment: Manifest, intent: Intent | None) -> bool:
    """Whether all pods that there are were made from the current intent."""
    if intent is None or pod_hash_of(deployment["spec"]["template"]) != intent.pod_hash:
        return False
    return is_seen(deployment) and count(deployment, "updatedReplicas") == count(deployment, "replicas")


def complete(deployment: Manifest, intent: Intent) -> bool:
    """Whether as many replicas as wanted serve, and none but those is left.

    An autoscaler's are as many as it wants: no fewer than the spec's, while one more that starts is nothing to wait for.
    """
    updated, available, all_of_them = (
        count(deployment, field) for field in ("updatedReplicas", "availableReplicas", "replicas")
    )
    if intent.autoscaled:
        return updated == all_of_them and available >= intent.replicas
    return updated == available == all_of_them == intent.replicas


def count(deployment: Manifest | None, field: str) -> int:
    """A number of its status, 0 if it says none."""
    return int(((deployment or {}).get("status") or {}).get(field) or 0)
