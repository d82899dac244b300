"""Writes the ConfigMap and the InferenceService of a model, and removes what is no longer wanted."""

from dataclasses import dataclass, replace

from gpux_api.v1alpha1 import KIND, GpuxModel
from gpux_operator.build.checks import Problem
from gpux_operator.build.config_map import config_map
from gpux_operator.build.inference_service import Images, inference_service
from gpux_operator.build.metadata import Manifest, controller_of, is_controlled_by, pod_hash_of
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import CONFIG_MAPS, INFERENCE_SERVICES, KubeApi, Resource
from gpux_operator.kube.diff import carries
from gpux_operator.kube.errors import Forbidden, KindMissing, QuotaExceeded, Rejected
from gpux_operator.status.observed import Intent, Observed
from gpux_operator.status.reasons import Reason

_SOON, _SLOWLY = 5.0, 60.0


@dataclass(frozen=True)
class Desired:
    """The children that a spec asks for."""

    config_map: Manifest
    inference_service: Manifest
    intent: Intent


def desired_children(model: GpuxModel, namespace: str, images: Images) -> Desired:
    """The children of a valid model."""
    configuration = config_map(model, namespace)
    isvc = inference_service(model, namespace, configuration["metadata"]["name"], images)
    serving = model.spec.serving
    intent = Intent(pod_hash_of(isvc) or "", serving.replicas.min, serving.visibility == "Public")
    return Desired(configuration, isvc, intent)


def write_children(
    api: KubeApi, key: Key, uid: str, desired: Desired, observed: Observed
) -> tuple[Problem | None, Observed]:
    """Brings the children to what is wanted, and leaves alone what is so already or is somebody else's.

    Returns:
        What stood in the way, and what exists now.

    Raises:
        ApiError: the request may succeed another time, or the namespace is ending.
    """
    name = desired.config_map["metadata"]["name"]
    stored = next((item for item in observed.config_maps if item["metadata"]["name"] == name), None)
    isvc = observed.inference_service
    conflict = _conflict("ConfigMap", stored, key, uid) or _conflict("InferenceService", isvc, key, uid)
    if conflict is not None:
        return conflict, observed
    try:
        _ensure(api, CONFIG_MAPS, stored, desired.config_map)
        isvc = _ensure(api, INFERENCE_SERVICES, isvc, desired.inference_service)
    except Rejected as error:
        return Problem(Reason.REJECTED, f"the cluster refused an object of this model: {error}", _SLOWLY), observed
    except QuotaExceeded as error:
        return Problem(Reason.QUOTA_EXCEEDED, f"a quota of the namespace is used up: {error}", _SLOWLY), observed
    except Forbidden as error:
        return Problem(
            Reason.OPERATOR_FORBIDDEN, f"the operator may not do it, fix its RBAC: {error}", _SLOWLY
        ), observed
    except KindMissing:
        message = "the cluster has no InferenceService resource (serving.kserve.io/v1beta1): install KServe; the model is then served"
        return Problem(Reason.KSERVE_NOT_INSTALLED, message, _SLOWLY), observed
    return None, replace(observed, inference_service=isvc)


def remove_old_config_maps(api: KubeApi, uid: str, current: str, observed: Observed) -> None:
    """Removes the ConfigMaps of older versions. Only after a rollout: pods of the old version still mount theirs."""
    for item in observed.config_maps:
        metadata = item["metadata"]
        if metadata["name"] != current and is_controlled_by(item, uid) and "deletionTimestamp" not in metadata:
            api.delete(CONFIG_MAPS, metadata["namespace"], metadata["name"], metadata["uid"])


def _ensure(api: KubeApi, resource: Resource, stored: Manifest | None, desired: Manifest) -> Manifest:
    """Applies `desired` unless it is stored already."""
    return stored if stored is not None and carries(stored, desired) else api.apply(resource, desired)


def _conflict(kind: str, stored: Manifest | None, key: Key, uid: str) -> Problem | None:
    """A namesake that isn't ours: server-side apply with force would take it over without a word."""
    if stored is None:
        return None
    name = stored["metadata"]["name"]
    owner = controller_of(stored) or {}
    ours = owner.get("uid") == uid
    if "deletionTimestamp" in stored["metadata"] or (
        not ours and (owner.get("kind"), owner.get("name")) == (KIND, key.name)
    ):
        message = f"{kind} {name} of an earlier model of this name is still being deleted; a new one follows it"
        return Problem(Reason.WAITING_FOR_DELETION, message, _SOON)
    if ours:
        return None
    belongs = f"belongs to {owner['kind']} {owner['name']}" if owner else "was not made by this operator"
    message = f"{kind} {name} exists and {belongs}; it is not touched: delete it, or give this model another name"
    return Problem(Reason.NAME_CONFLICT, message, _SLOWLY)
