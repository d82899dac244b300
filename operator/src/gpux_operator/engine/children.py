"""Writes the ConfigMap, the InferenceService and the CronJob of a model, and removes what is no longer wanted."""

from dataclasses import dataclass, replace
from datetime import datetime

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.checks import Problem
from gpux_operator.build.config_map import config_map
from gpux_operator.build.cron_job import COMPONENT, cron_job
from gpux_operator.build.inference_service import Images, inference_service, is_cluster_local
from gpux_operator.build.metadata import MODEL_LABEL, Manifest, controller_of, is_controlled_by, pod_hash_of
from gpux_operator.engine.conflicts import kserve_conflict, own_conflict
from gpux_operator.engine.drift import remove_foreign
from gpux_operator.engine.exposure import withdraw
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import CONFIG_MAPS, CRON_JOBS, INFERENCE_SERVICES, PODS, KubeApi, Resource
from gpux_operator.kube.diff import carries
from gpux_operator.kube.errors import ApiError, Forbidden, KindMissing, QuotaExceeded, Rejected
from gpux_operator.status.observed import Intent, Observed
from gpux_operator.status.reasons import Reason

_SLOWLY = 60.0


@dataclass(frozen=True)
class Desired:
    """The children that a spec asks for."""

    config_map: Manifest
    inference_service: Manifest
    intent: Intent
    cron_job: Manifest | None = None

    def manifests(self) -> list[Manifest]:
        """All of them."""
        return [item for item in (self.config_map, self.inference_service, self.cron_job) if item is not None]


def desired_children(model: GpuxModel, namespace: str, images: Images) -> Desired:
    """The children of a valid model."""
    configuration = config_map(model, namespace)
    isvc = inference_service(model, namespace, configuration["metadata"]["name"], images)
    serving = model.spec.serving
    strategy = isvc["spec"]["predictor"]["deploymentStrategy"]
    intent = Intent(pod_hash_of(isvc) or "", serving.replicas.min, serving.visibility == "Public", strategy)
    return Desired(configuration, isvc, intent, cron_job(model, namespace, configuration["metadata"]["name"], images))


@dataclass(frozen=True)
class Written:
    """What came of it.

    Args:
        observed: what exists now.
        problem: what stood in the way.
        retry_seconds: when there is more to do, without a problem.
    """

    observed: Observed
    problem: Problem | None = None
    retry_seconds: float | None = None


def write_children(api: KubeApi, key: Key, desired: Desired, observed: Observed, now: datetime) -> Written:
    """Brings the children to what is wanted, and leaves alone what is so already or is somebody else's.

    Raises:
        ApiError: the request may succeed another time, or the namespace is ending.
    """
    try:
        return _write(api, key, desired, observed, now)
    except (Rejected, QuotaExceeded, Forbidden, KindMissing) as error:
        return Written(observed, _refusal(error))


def _write(api: KubeApi, key: Key, desired: Desired, observed: Observed, now: datetime) -> Written:
    name = desired.config_map["metadata"]["name"]
    stored = next((item for item in observed.config_maps if item["metadata"]["name"] == name), None)
    isvc, wanted = observed.inference_service, desired.inference_service
    conflict = (
        own_conflict(stored, desired.config_map)
        or own_conflict(isvc, wanted)
        or (own_conflict(observed.cron_job, desired.cron_job) if desired.cron_job is not None else None)
        or kserve_conflict(api, key, isvc, wanted)
    )
    if conflict is not None:
        return Written(observed, conflict)
    _ensure(api, CONFIG_MAPS, stored, desired.config_map)
    isvc = _ensure(api, INFERENCE_SERVICES, isvc, wanted)
    isvc, later = remove_foreign(api, key, isvc, wanted, now)
    problem = withdraw(api, key, isvc) if is_cluster_local(wanted) else None
    _schedule(api, observed.cron_job, desired)  # last: a schedule that is refused must not keep a model public
    return Written(replace(observed, inference_service=isvc), problem, later)


def _schedule(api: KubeApi, stored: Manifest | None, desired: Desired) -> None:
    """Writes the CronJob, or removes the one of a schedule that is no more; its running Job goes with it."""
    if desired.cron_job is not None:
        _ensure(api, CRON_JOBS, stored, desired.cron_job)
        return
    owner = controller_of(desired.inference_service) or {}
    if stored is not None and is_controlled_by(stored, owner.get("uid", "")):
        metadata = stored["metadata"]
        if "deletionTimestamp" not in metadata:
            api.delete(CRON_JOBS, metadata["namespace"], metadata["name"], metadata["uid"])


def _refusal(error: ApiError) -> Problem:
    if isinstance(error, Rejected):
        return Problem(Reason.REJECTED, f"the cluster refused an object of this model: {error}", _SLOWLY)
    if isinstance(error, QuotaExceeded):
        return Problem(Reason.QUOTA_EXCEEDED, f"a quota of the namespace is used up: {error}", _SLOWLY)
    if isinstance(error, Forbidden):
        return Problem(Reason.OPERATOR_FORBIDDEN, f"the operator may not do it, fix its RBAC: {error}", _SLOWLY)
    message = "the cluster has no InferenceService resource (serving.kserve.io/v1beta1): install KServe; the model is then served"
    return Problem(Reason.KSERVE_NOT_INSTALLED, message, _SLOWLY)


def remove_old_config_maps(api: KubeApi, key: Key, uid: str, current: str, observed: Observed) -> None:
    """Removes the ConfigMaps of older versions. Only after a rollout: pods of the old version still mount theirs.

    So do runs of the schedule: what they mount stays until a pass after they have ended.
    """
    old = [
        item
        for item in observed.config_maps
        if item["metadata"]["name"] != current
        and is_controlled_by(item, uid)
        and "deletionTimestamp" not in item["metadata"]
    ]
    in_use = _mounted_by_runs(api, key) if old else set()
    for metadata in (item["metadata"] for item in old):
        if metadata["name"] not in in_use:
            api.delete(CONFIG_MAPS, metadata["namespace"], metadata["name"], metadata["uid"])


def _mounted_by_runs(api: KubeApi, key: Key) -> set[str]:
    """The ConfigMaps of runs that have not succeeded: a Job tries again after a pod that failed, with the same ones."""
    pods = api.list(PODS, key.namespace, f"{MODEL_LABEL}={key.name},{COMPONENT}=batch")
    return {
        volume["configMap"]["name"]
        for pod in pods
        if (pod.get("status") or {}).get("phase") != "Succeeded"
        for volume in pod["spec"].get("volumes") or ()
        if "configMap" in volume
    }


def _ensure(api: KubeApi, resource: Resource, stored: Manifest | None, desired: Manifest) -> Manifest:
    """Applies `desired` unless it is stored already."""
    return stored if stored is not None and carries(stored, desired) else api.apply(resource, desired)
