"""Writes a model's ConfigMap, InferenceService, CronJob and PodDisruptionBudget, and removes what is no longer wanted."""

from dataclasses import dataclass, replace

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build import access
from gpux_operator.build.checks import SLOWLY, Problem
from gpux_operator.build.config_map import config_map
from gpux_operator.build.cron_job import cron_job
from gpux_operator.build.disruption import pod_disruption_budget
from gpux_operator.build.inference_service import Images, inference_service, is_cluster_local
from gpux_operator.build.metadata import (
    STOP,
    Manifest,
    controller_of,
    is_controlled_by,
    of_version,
    pod_hash_of,
)
from gpux_operator.build.revision import is_knative
from gpux_operator.build.rollout import explanation
from gpux_operator.build.scaling import autoscaler
from gpux_operator.engine.admission import refusal, stopping_problem, write_named
from gpux_operator.engine.conflicts import kserve_conflict, own_conflict
from gpux_operator.engine.drift import remove_foreign
from gpux_operator.engine.exposure import withdraw
from gpux_operator.engine.observe import run_pods
from gpux_operator.engine.queue import Key
from gpux_operator.engine.repairs import Turn
from gpux_operator.kube.api import (
    CONFIG_MAPS,
    CRON_JOBS,
    INFERENCE_SERVICES,
    POD_DISRUPTION_BUDGETS,
    KubeApi,
    Resource,
)
from gpux_operator.kube.diff import carries
from gpux_operator.kube.errors import ApiError, Forbidden, KindMissing, QuotaExceeded, Rejected
from gpux_operator.status.observed import Intent, Observed
from gpux_operator.status.reasons import Reason


@dataclass(frozen=True)
class Desired:
    """The children that a spec asks for."""

    config_map: Manifest
    inference_service: Manifest
    intent: Intent
    cron_job: Manifest | None = None
    disruption_budget: Manifest | None = None

    def manifests(self) -> list[Manifest]:
        """All of them."""
        found = (self.config_map, self.inference_service, self.cron_job, self.disruption_budget)
        return [item for item in found if item is not None]


def desired_children(model: GpuxModel, namespace: str, images: Images, prometheus: str | None = None) -> Desired:
    """The children of a valid model.

    Args:
        prometheus: the address of the Prometheus that an autoscaler asks.
    """
    configuration = config_map(model, namespace)
    mounted = configuration["metadata"]["name"]
    isvc = inference_service(model, namespace, mounted, images, prometheus)
    serving = model.spec.serving
    intent = Intent(
        pod_hash=pod_hash_of(isvc) or "",
        replicas=serving.replicas.min,
        public=serving.visibility == "Public",
        strategy=isvc["spec"]["predictor"].get("deploymentStrategy", {}),
        rollout=explanation(model),
        autoscaled=autoscaler(model) != "none",
        suspended=model.spec.suspend,
        tls=access.has_tls(model),
        keyed=access.has_keys(model),
        undescribed=access.is_undescribed(model),
        knative=is_knative(model),
        canary=isvc["spec"]["predictor"].get("canaryTrafficPercent"),
    )
    budget = pod_disruption_budget(model, namespace)
    return Desired(configuration, isvc, intent, cron_job(model, namespace, mounted, images), budget)


def for_what_exists(desired: Desired, observed: Observed) -> Desired:
    """The children where a Deployment has no replicas and an autoscaler is to choose them.

    It would leave them at zero for ever. So the InferenceService is stopped, which takes the Deployment away, and goes on in
    the pass after: KServe then makes one with a replica. A model comes here that is resumed with a new target.
    """
    intent, deployment = desired.intent, observed.own_deployment()
    if not intent.autoscaled or intent.suspended or deployment is None or deployment["spec"].get("replicas") != 0:
        return desired
    isvc = desired.inference_service
    metadata = {**isvc["metadata"], "annotations": {**isvc["metadata"]["annotations"], STOP: "true"}}
    return replace(
        desired, inference_service={**isvc, "metadata": metadata}, intent=replace(desired.intent, renewed=True)
    )


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


def write_children(api: KubeApi, key: Key, desired: Desired, observed: Observed, turn: Turn) -> Written:
    """Brings the children to what is wanted, and leaves alone what is so already or is somebody else's.

    Raises:
        ApiError: the request may succeed another time, or the namespace is ending.
    """
    try:
        return _write(api, key, desired, observed, turn)
    except (Rejected, QuotaExceeded, Forbidden, KindMissing) as error:
        return Written(observed, _refusal(error))


def _write(api: KubeApi, key: Key, desired: Desired, observed: Observed, turn: Turn) -> Written:
    name = desired.config_map["metadata"]["name"]
    stored = next((item for item in observed.config_maps if item["metadata"]["name"] == name), None)
    isvc, wanted = observed.inference_service, desired.inference_service
    problem = (
        own_conflict(stored, desired.config_map)
        or own_conflict(isvc, wanted)
        or own_conflict(observed.cron_job, desired.cron_job)
        or own_conflict(observed.disruption_budget, desired.disruption_budget)
        or kserve_conflict(api, key, isvc, wanted)
        or stopping_problem(isvc, wanted)
    )
    if problem is not None:
        return Written(observed, problem)
    _ensure(api, CONFIG_MAPS, stored, desired.config_map, turn)
    before = isvc
    isvc = write_named(
        before,
        wanted,
        lambda named: _ensure(api, INFERENCE_SERVICES, before, named, turn),
        lambda asked: api.admit(INFERENCE_SERVICES, asked),
    )
    isvc, later = remove_foreign(api, key, isvc, wanted, turn.now)
    problem = withdraw(api, key, isvc) if is_cluster_local(wanted) else None
    uid = (controller_of(wanted) or {}).get("uid", "")
    _keep(api, POD_DISRUPTION_BUDGETS, observed.disruption_budget, desired.disruption_budget, uid, turn)
    # last: a refusal must not keep a model public
    _keep(api, CRON_JOBS, observed.cron_job, desired.cron_job, uid, turn)
    return Written(replace(observed, inference_service=isvc), problem or _contested(turn), later)


def _contested(turn: Turn) -> Problem | None:
    found = turn.contested()
    if found is None:
        return None
    hint = "it is set back ever more slowly; end that, or ask for the change in this GpuxModel"
    return Problem(Reason.CONTESTED, f"{found[0]}, which is this operator's: {hint}", found[1])


def _keep(  # noqa: PLR0913, PLR0917
    api: KubeApi, resource: Resource, stored: Manifest | None, desired: Manifest | None, uid: str, turn: Turn
) -> None:
    """Writes a child that not every spec asks for, or removes the model's own of a spec that did."""
    if desired is not None:
        _ensure(api, resource, stored, desired, turn)
    elif stored is not None and is_controlled_by(stored, uid):
        metadata = stored["metadata"]
        if "deletionTimestamp" not in metadata:
            api.delete(resource, metadata["namespace"], metadata["name"], metadata["uid"])


def _refusal(error: ApiError) -> Problem:
    if isinstance(error, Rejected):
        return refusal(error)
    if isinstance(error, QuotaExceeded):
        return Problem(Reason.QUOTA_EXCEEDED, f"a quota of the namespace is used up: {error}", SLOWLY)
    if isinstance(error, Forbidden):
        return Problem(Reason.OPERATOR_FORBIDDEN, f"the operator may not do it, fix its RBAC: {error}", SLOWLY)
    message = "the cluster has no InferenceService resource (serving.kserve.io/v1beta1): install KServe; the model is then served"
    return Problem(Reason.KSERVE_NOT_INSTALLED, message, SLOWLY)


def remove_old_config_maps(api: KubeApi, key: Key, uid: str, current: str, observed: Observed) -> None:
    """Removes the ConfigMaps of older versions. Only after a rollout: pods of the old version still mount theirs.

    So do runs of the schedule: what they mount stays until a pass after they have ended.
    """
    kept = {current} | _mounted_by_revisions(observed)
    old = [
        item
        for item in observed.config_maps
        if item["metadata"]["name"] not in kept
        and is_controlled_by(item, uid)
        and "deletionTimestamp" not in item["metadata"]
    ]
    in_use = _mounted_by_runs(api, key) if old else set()
    for metadata in (item["metadata"] for item in old):
        if metadata["name"] not in in_use:
            api.delete(CONFIG_MAPS, metadata["namespace"], metadata["name"], metadata["uid"])


def _mounted_by_runs(api: KubeApi, key: Key) -> set[str]:
    """The ConfigMaps of runs that have not succeeded: a Job tries again after a pod that failed, with the same ones."""
    return {
        volume["configMap"]["name"]
        for pod in run_pods(api, key)
        if (pod.get("status") or {}).get("phase") != "Succeeded"
        for volume in pod["spec"].get("volumes") or ()
        if "configMap" in volume
    }


def _mounted_by_revisions(observed: Observed) -> set[str]:
    """Knative starts pods of any revision that still gets requests, or gets them again; it deletes old ones itself, in time."""
    volumes = (volume for item in observed.revisions for volume in item["spec"].get("volumes") or ())
    return {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}


def _ensure(api: KubeApi, resource: Resource, stored: Manifest | None, desired: Manifest, turn: Turn) -> Manifest:
    """Applies `desired` unless it is stored already, or must wait; Conflict if it is another version than was read."""
    if stored is None:
        return api.apply(resource, desired)
    if carries(stored, desired) or not turn.may(stored, desired):
        return stored
    made = api.apply(resource, of_version(stored, desired))
    turn.done(stored, desired)
    return made
