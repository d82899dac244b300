"""How the pods of a new version replace those of the old one."""

from gpux_api.projection import resource_name
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build import revision
from gpux_operator.build.metadata import Manifest
from gpux_operator.build.tasks import keeps_a_claim


def deployment_strategy(model: GpuxModel) -> Manifest:
    """The strategy for KServe's Deployment, whose own default (25 %/25 %) waits forever for a GPU that isn't there.

    `auto` with GPUs takes an old pod away before the new one comes; without, and for an explicit RollingUpdate, the new
    pod serves first. A claim for tasks makes `auto` end all old pods first: no other node could mount it meanwhile.
    """
    strategy = model.spec.rollout.strategy
    if strategy == "Recreate" or (strategy == "auto" and keeps_a_claim(model)):
        return {"type": "Recreate"}
    needs_spare = strategy == "auto" and resource_name(model) is not None
    surge, unavailable = (0, 1) if needs_spare else (1, 0)
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def explanation(model: GpuxModel) -> str:
    """What `auto` came to, and why; empty where the spec chooses the strategy."""
    if model.spec.rollout.strategy != "auto":
        return ""
    if revision.is_knative(model):
        return revision.explanation(model)
    if keeps_a_claim(model):
        return "rollout.strategy auto is Recreate here: no two nodes can mount the claim of the tasks at once"
    if resource_name(model) is not None:
        return (
            "rollout.strategy auto ends an old pod before a new one starts, since a spare "
            f"{resource_name(model)} may not exist; with one, RollingUpdate serves without a gap"
        )
    return "rollout.strategy auto starts a new pod before an old one ends"
