"""Whether a model serves in KServe's Standard mode, and what stands in the way: a Deployment, its pods and its ingress."""

from collections.abc import Sequence

from gpux_operator.build.metadata import Manifest
from gpux_operator.status import hints, kserve, pods
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.containers import words
from gpux_operator.status.deployment import complete, count, picked_up
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed, condition, is_ready
from gpux_operator.status.reasons import PROGRESS, Reason


def ready(observed: Observed, intent: Intent | None) -> Verdict:
    """Whether the newest generation serves, of a model that is not stopped."""
    deployment = observed.own_deployment()
    if intent is None or deployment is None:
        return kserve.trouble(observed) or kserve.waiting("KServe has not made a Deployment yet")
    if not picked_up(deployment, intent, observed):
        return kserve.trouble(observed) or Verdict(
            "False", Reason.ROLLOUT_IN_PROGRESS, "KServe has not passed the newest generation on yet"
        )
    if not complete(deployment, intent):
        return _incomplete(deployment, intent, observed)
    return _ingress(intent, observed)


def _incomplete(deployment: Manifest, intent: Intent, observed: Observed) -> Verdict:
    """Why not all replicas of the newest generation serve: a pod's trouble, else the Deployment's, else just time."""
    current = observed.current_pods(intent.pod_hash)
    found = pods.worst(current, observed.said, observed.troubles)
    if found is not None and found.reason not in {*PROGRESS, Reason.POD_FAILED}:
        return found
    refused = condition(deployment, "ReplicaFailure")
    if refused.get("status") == "True":
        message = str(refused.get("message", ""))
        reason = Reason.QUOTA_EXCEEDED if "exceeded quota" in message else Reason.PODS_REFUSED
        return Verdict("False", reason, f"the pods cannot be created: {message}{hints.refused(message)}")
    progress = _progress(deployment, intent, current)
    left = pods.evicted(observed.pods, intent.pod_hash)
    if left is not None:
        after = f"; {found.message}" if found else ""
        return Verdict("False", left.reason, f"{left.message}; {progress}{after}")
    if found is not None:
        several = intent.replicas > 1 and found.reason in PROGRESS
        return Verdict("False", found.reason, f"{progress}; {found.message}") if several else found
    return Verdict("False", Reason.ROLLOUT_IN_PROGRESS, progress)


def _progress(deployment: Manifest, intent: Intent, current: Sequence[Manifest]) -> str:
    """How many of how many replicas."""
    updated = min(count(deployment, "updatedReplicas"), sum(map(is_ready, current)))
    old = count(deployment, "replicas") - count(deployment, "updatedReplicas")
    rest = f", {old} of an older generation still there" if old > 0 else ""
    return f"{updated} of {intent.replicas} replicas of the newest generation serve{rest}"


def _ingress(intent: Intent, observed: Observed) -> Verdict:
    """All replicas serve: what is left is KServe's own word on the predictor and its ingress."""
    predictor, ingress = observed.kserve_condition("PredictorReady"), observed.kserve_condition("IngressReady")
    # the Deployment's word while an autoscaler's further replicas start; KServe takes back both conditions then, and no Ingress
    starting = intent.autoscaled and predictor.get("reason") == "MinimumReplicasUnavailable"
    if predictor.get("status") != "True" and not starting:
        return kserve.trouble(observed) or kserve.waiting("all replicas serve, and KServe has not noticed yet")
    if intent.public and not starting and ingress.get("status") == "False":
        return Verdict("False", Reason.INGRESS_NOT_READY, f"KServe reports of the ingress: {words(ingress)}")
    serving, wanted = (count(observed.own_deployment(), field) for field in ("availableReplicas", "replicas"))
    return Verdict("True", Reason.NEWEST_SERVES, f"{serving} of {wanted} replicas run the newest generation")
