"""Takes away the autoscaler that KServe leaves behind when a model's target changes.

KServe (0.15 to 0.21) deletes a HorizontalPodAutoscaler only for a fixed number of replicas, and a ScaledObject only while the
model is stopped: two autoscalers would fight over one Deployment, or KEDA over a number that is fixed, and from zero too.
"""

from gpux_operator.build.checks import SLOWLY, Problem
from gpux_operator.build.metadata import Manifest, is_controlled_by
from gpux_operator.build.modes import KNATIVE, mode_of
from gpux_operator.build.scaling import CLASS
from gpux_operator.engine.observe import find
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import HORIZONTAL_POD_AUTOSCALERS, SCALED_OBJECTS, KubeApi, Resource
from gpux_operator.kube.errors import Forbidden, Rejected
from gpux_operator.status.observed import condition
from gpux_operator.status.reasons import Reason

_HPA = "HorizontalPodAutoscaler", HORIZONTAL_POD_AUTOSCALERS
_KEDA = "ScaledObject", SCALED_OBJECTS


def made_by(isvc: Manifest) -> tuple[str, Resource]:
    """The kind of `<name>-predictor` that KServe writes for an InferenceService.

    A HorizontalPodAutoscaler of somebody else's is overwritten for a fixed number of replicas too.
    """
    return _KEDA if (isvc["metadata"].get("annotations") or {}).get(CLASS) == "keda" else _HPA


def retire(api: KubeApi, key: Key, model: Manifest, isvc: Manifest) -> Problem | None:
    """Deletes the autoscaler of an earlier target of this InferenceService. Returns why it is still there, if it is.

    Asks only until the model's newest generation serves, of which there was another: KServe makes none of the old kind any
    more when the Deployment has the new annotation.

    Raises:
        ApiError: the request may succeed another time.
    """
    if model["metadata"]["generation"] == 1 or _serves_newest(model) or mode_of(isvc) == KNATIVE:
        return None
    kind, resource = _HPA if made_by(isvc) == _KEDA else _KEDA
    try:
        found = find(api, resource, key, f"{key.name}-predictor")
    except Forbidden as error:
        message = f"the operator may not look whether KServe left a {kind} behind, fix its RBAC: {error}"
        return Problem(Reason.OPERATOR_FORBIDDEN, message, SLOWLY)
    metadata = (found or {}).get("metadata") or {}
    if found is None or not is_controlled_by(found, isvc["metadata"]["uid"]) or "deletionTimestamp" in metadata:
        return None
    what = (
        f"{kind} {metadata['name']}, made by KServe for an earlier spec.serving.replicas.target, still scales the model"
    )
    try:
        api.delete(resource, key.namespace, metadata["name"], metadata["uid"])
    except Forbidden as error:
        return Problem(Reason.OPERATOR_FORBIDDEN, f"{what}; the operator may not delete it: {error}", SLOWLY)
    except Rejected as error:
        return Problem(Reason.REJECTED, f"{what}; the cluster refuses to delete it: {error}", SLOWLY)
    return None


def _serves_newest(model: Manifest) -> bool:
    ready = condition(model, "Ready")
    return bool(ready.get("status") == "True" and ready.get("observedGeneration") == model["metadata"]["generation"])
