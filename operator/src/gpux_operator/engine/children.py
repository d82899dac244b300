"""Writes a model's ConfigMap, InferenceService, CronJob and PodDisruptionBudget, and removes what is no longer wanted."""

from dataclasses import dataclass, replace

from gpux_operator.build.checks import SLOWLY, Problem
from gpux_operator.build.inference_service import is_cluster_local
from gpux_operator.build.metadata import Manifest, controller_of, is_controlled_by, of_version
from gpux_operator.engine.admission import refusal, stopping_problem, write_named
from gpux_operator.engine.conflicts import kserve_conflict, own_conflict
from gpux_operator.engine.desired import Desired
from gpux_operator.engine.drift import remove_foreign
from gpux_operator.engine.exposure import withdraw
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
from gpux_operator.status.observed import Observed
from gpux_operator.status.reasons import Reason


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


def _ensure(api: KubeApi, resource: Resource, stored: Manifest | None, desired: Manifest, turn: Turn) -> Manifest:
    """Applies `desired` unless it is stored already, or must wait; Conflict if it is another version than was read."""
    if stored is None:
        return api.apply(resource, desired)
    if carries(stored, desired) or not turn.may(stored, desired):
        return stored
    made = api.apply(resource, of_version(stored, desired))
    turn.done(stored, desired)
    return made
