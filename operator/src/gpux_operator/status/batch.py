"""How the last scheduled run of batch predictions ended, by the CronJob's own status and, where it failed, by its pods.

The CronJob controller writes a run into `active` and `lastScheduleTime` when it begins, and takes it out of `active` in the same update
that moves `lastSuccessfulTime` (syncCronJob of k8s.io/kubernetes, pkg/controller/cronjob/cronjob_controllerv2.go). So a run that is
over and has no success behind it has failed. A success counts whoever began the run, by hand too.
"""

from collections.abc import Iterable
from datetime import datetime

from gpux_api.v1alpha1.status import BatchStatus
from gpux_operator.build.metadata import Manifest, is_controlled_by
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.containers import end_of, words
from gpux_operator.status.observed import condition
from gpux_operator.status.reasons import Reason

CONDITION = "BatchSucceeded"
_ENDED = {str(reason): reason for reason in (Reason.BATCH_RUN_SUCCEEDED, Reason.BATCH_RUN_FAILED)}


def is_scheduled(model: Manifest) -> bool:
    """Whether the stored spec asks for runs."""
    return bool(((model.get("spec") or {}).get("batch") or {}).get("schedule"))


def own(cron_job: Manifest | None, model: Manifest) -> Manifest | None:
    """The CronJob, if it is the model's."""
    return cron_job if cron_job is not None and is_controlled_by(cron_job, model["metadata"]["uid"]) else None


def status(cron_job: Manifest | None) -> BatchStatus:
    """When runs began and succeeded."""
    told = _told(cron_job)
    return BatchStatus(
        last_schedule_time=_time(told.get("lastScheduleTime")),
        last_successful_time=_time(told.get("lastSuccessfulTime")),
        running=bool(told.get("active")),
    )


def has_failed(cron_job: Manifest | None) -> bool:
    """Whether the last scheduled run is over, and nothing has succeeded since it began."""
    told = _told(cron_job)
    began, succeeded = _time(told.get("lastScheduleTime")), _time(told.get("lastSuccessfulTime"))
    return not told.get("active") and began is not None and (succeeded is None or succeeded < began)


def verdict(cron_job: Manifest | None, pods: Iterable[Manifest], before: Manifest) -> Verdict:
    """Whether the last run succeeded; while one goes on, what was said before it.

    Args:
        cron_job: the model's own, None if it is not there yet.
        pods: those of its runs; looked at where one has failed.
        before: the stored status.
    """
    told = _told(cron_job)
    held = condition({"status": before}, CONDITION)
    if told.get("active"):
        if held.get("reason") in _ENDED:
            return Verdict(held["status"], _ENDED[held["reason"]], held["message"])
        return Verdict("Unknown", Reason.NO_BATCH_RUN_YET, "the first run has not ended yet")
    if has_failed(cron_job):
        began = told["lastScheduleTime"]
        why = _why(began, pods, cron_job or {})
        return Verdict("False", Reason.BATCH_RUN_FAILED, f"the run scheduled for {began} ended without a result: {why}")
    if "lastSuccessfulTime" in told:
        return Verdict("True", Reason.BATCH_RUN_SUCCEEDED, f"the last run succeeded at {told['lastSuccessfulTime']}")
    return Verdict("Unknown", Reason.NO_BATCH_RUN_YET, "no run has begun yet")


def _why(began: str, pods: Iterable[Manifest], cron_job: Manifest) -> str:
    """The last words of the run's newest pod. Times of the API server sort as texts."""
    failed = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Failed"]
    own_pods = [pod for pod in failed if pod["metadata"].get("creationTimestamp", "") >= began]
    if not own_pods:
        seconds = cron_job["spec"]["jobTemplate"]["spec"].get("activeDeadlineSeconds")
        return (
            f"no pod of it is left, so it took longer than spec.batch.activeDeadlineSeconds ({seconds}), or was deleted"
        )
    pod = max(own_pods, key=lambda item: str(item["metadata"]["creationTimestamp"]))
    states = [item.get("state") or {} for item in pod["status"].get("containerStatuses") or ()]
    ended = next((state["terminated"] for state in states if "terminated" in state), None)
    said = end_of(ended) if ended else words(pod["status"])
    return f"pod {pod['metadata']['name']}: {said}"


def _told(cron_job: Manifest | None) -> Manifest:
    found: Manifest = (cron_job or {}).get("status") or {}
    return found


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
