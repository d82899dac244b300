"""What a model in KServe's Knative mode is made of: the pod as a Knative revision takes it, how it scales, and who gets the requests.

Source: knative.dev/serving 0.44 to 0.48, PodSpecMask and ContainerMask of pkg/apis/serving/fieldmask.go, with the features that
are on by default. What else a spec may ask for is refused by gpux_api.v1alpha1.knative.
"""

from gpux_api.projection import resource_name
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.checks import SLOWLY, Problem
from gpux_operator.build.metadata import Manifest
from gpux_operator.build.modes import KNATIVE
from gpux_operator.status.reasons import Reason

VISIBILITY = "networking.knative.dev/visibility"
"""Label of an InferenceService: KServe passes it on to the Knative Service, which then has no way in from outside."""
_OF_NO_REVISION = (
    "terminationGracePeriodSeconds",  # Knative's is the request's time-out
    "securityContext",
    "topologySpreadConstraints",
    "tolerations",
)


def is_knative(model: GpuxModel) -> bool:
    """Whether the model runs in KServe's Knative mode."""
    return model.spec.serving.mode == KNATIVE


def revision_spec(pod: Manifest) -> Manifest:
    """The PodSpec of a revision. Knative's own preStop hook waits for the requests that run, and its queue-proxy probes."""
    container = {name: value for name, value in pod["containers"][0].items() if name != "lifecycle"}
    security = {**container["securityContext"], "seccompProfile": pod["securityContext"]["seccompProfile"]}
    kept = {name: value for name, value in pod.items() if name not in _OF_NO_REVISION}
    return {**kept, "containers": [{**container, "securityContext": security}]}


def scale(model: GpuxModel) -> Manifest:
    """The fields of an InferenceService's predictor that KServe makes into Knative's annotations: a change makes a new revision."""
    spec = model.spec.serving.replicas
    fields: Manifest = {"minReplicas": spec.min, "maxReplicas": spec.most}
    if spec.target is not None:
        fields |= {"scaleMetric": "concurrency", "scaleTarget": spec.target.value}
    return fields


def traffic(model: GpuxModel) -> Manifest:
    """The newest revision's share of the requests; KServe gives it all where nothing is said."""
    canary = model.spec.rollout.canary
    return {} if canary is None else {"canaryTrafficPercent": canary.percent}


def explanation(model: GpuxModel) -> str:
    """How a new version takes over."""
    resource = resource_name(model)
    spare = "" if resource is None else f", which needs a spare {resource}"
    return f"Knative starts a new version before the old one ends{spare}"


def knative_problem(is_served: bool) -> Problem | None:
    """What the cluster lacks for a model in Knative mode; None: nothing.

    Args:
        is_served: whether the cluster serves Knative Services.
    """
    if is_served:
        return None
    message = (
        "spec.serving.mode: Knative needs Knative Serving, and the cluster has no Service resource of serving.knative.dev/v1: install "
        "it, or delete the GpuxModel and apply it again with mode: Standard"
    )
    return Problem(Reason.KNATIVE_NOT_INSTALLED, message, SLOWLY)
