"""Writes an InferenceService by the names that this cluster's KServe knows: its webhook refuses the others.

A `deploymentStrategy` is allowed by each release under its own name of the mode only (`validateScalingKPACompExtension` of
pkg/apis/serving/v1beta1/inference_service_validation.go). No version of KServe is to be found in the cluster otherwise: its CRD
carries none and may come without a schema, and images are named as one likes. In Knative mode there is no strategy, and 0.15 takes
the new name for none at all: so it is asked, without storing anything, what it would say to one in the other mode.
"""

from collections.abc import Callable

from gpux_operator.build.checks import SLOWLY, Problem
from gpux_operator.build.metadata import MODE, STOP, Manifest
from gpux_operator.build.modes import KNATIVE, mode_of, named_as, renamed
from gpux_operator.build.scaling import CLASS
from gpux_operator.kube.errors import Rejected
from gpux_operator.status.reasons import Reason

_OTHER_NAME = "customizing deploymentStrategy is only supported for raw deployment mode"
_NO_SUCH_CLASS = "is not a supported autoscaler class type"
_FIXED = "deploymentMode cannot be changed"


def write_named(
    stored: Manifest | None,
    desired: Manifest,
    write: Callable[[Manifest], Manifest],
    admit: Callable[[Manifest], None],
) -> Manifest:
    """Writes `desired` with the name of its mode that is stored, else with the new one, else with the old one.

    Args:
        stored: what is there.
        desired: what is wanted, with the new name.
        write: writes it.
        admit: asks whether it would be taken.

    Raises:
        ApiError: it is refused under both names, or the request failed.
    """
    wanted = named_as(stored, desired)
    if stored is None and mode_of(desired) == KNATIVE and not _knows_new_names(desired, admit):
        wanted = renamed(desired)
    try:
        return write(wanted)
    except Rejected as error:
        if _OTHER_NAME not in str(error):
            raise
    return write(renamed(wanted))


def _knows_new_names(desired: Manifest, admit: Callable[[Manifest], None]) -> bool:
    """Whether this KServe takes a strategy under its Standard mode's new name."""
    annotations = {**desired["metadata"]["annotations"], MODE: "Standard", CLASS: "none"}
    predictor = {**desired["spec"]["predictor"], "deploymentStrategy": {"type": "Recreate"}}
    for field in ("scaleMetric", "scaleTarget"):
        predictor.pop(field, None)
    metadata = {**desired["metadata"], "annotations": annotations}
    try:
        admit({**desired, "metadata": metadata, "spec": {"predictor": predictor}})
    except Rejected as error:
        if _OTHER_NAME not in str(error):
            raise
        return False
    return True


def stopping_problem(stored: Manifest | None, desired: Manifest) -> Problem | None:
    """Why KServe would not stop the InferenceService, or not start it again. Before 0.16 it stops only those in Knative mode, and without
    Istio keeps what it knew of the revisions, which a canary would share its requests with.
    """
    stops = _is_stopped(desired)
    chosen = ((stored or {}).get("status") or {}).get("deploymentMode")
    canary = "canaryTrafficPercent" in desired["spec"]["predictor"]
    if chosen == "Serverless" and canary and (stops or _is_stopped(stored or desired)):
        message = (
            "KServe before 0.16 may give requests to a revision that a suspended model has no more: upgrade it, or remove "
            "spec.rollout.canary until the model serves again"
        )
        return Problem(Reason.KSERVE_TOO_OLD, message, SLOWLY)
    if not stops or chosen != "RawDeployment":
        return None
    message = (
        "KServe before 0.16 neither ends the pods of an autoscaled model nor starts them from zero: upgrade it, or remove "
        "spec.serving.replicas.max and target until a replica serves again"
    )
    return Problem(Reason.KSERVE_TOO_OLD, message, SLOWLY)


def _is_stopped(isvc: Manifest) -> bool:
    return bool((isvc["metadata"].get("annotations") or {}).get(STOP) == "true")


def refusal(error: Rejected) -> Problem:
    """Why the cluster does not take an object, with what helps where it is for KServe's release."""
    if _NO_SUCH_CLASS in str(error):
        message = f"this KServe does not know what models need, upgrade it to 0.15.1 or newer: {error}"
        return Problem(Reason.KSERVE_TOO_OLD, message, SLOWLY)
    hint = ""
    if _FIXED in str(error):
        hint = (
            " (KServe was upgraded, and does not let go of the mode's old name: upgrade it to 0.19 or newer; or, from 0.17 on, delete "
            "the InferenceService, and a new one is made)"
        )
    return Problem(Reason.REJECTED, f"the cluster refused an object of this model: {error}{hint}", SLOWLY)
