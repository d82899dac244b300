"""How the last scheduled run of batch predictions ended, by the CronJob's own status and, where it failed, by its pods.

The CronJob controller writes a run into `active` and `lastScheduleTime` when it begins, and takes it out of `active` when it has ended;
`lastSuccessfulTime` moves in the same update, before Kubernetes 1.31 in the next one (syncCronJob of k8s.io/kubernetes,
pkg/controller/cronjob/cronjob_controllerv2.go). So a run that is over and has no success behind it has failed. A run that follows at once
takes its place in `active` in one update: what the status said before tells that another one went on. A success counts whoever began the
run, by hand too.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from gpux_api.v1alpha1.status import BatchStatus
from gpux_operator.build.metadata import Manifest, is_controlled_by
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.containers import end_of, words
from gpux_operator.status.observed import condition
from gpux_operator.status.reasons import Reason

CONDITION = "BatchSucceeded"
_NEVER = datetime.min.replace(tzinfo=UTC)
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


def failed_run(cron_job: Manifest | None, before: Manifest) -> str | None:
    """When the run was scheduled that is over and has no success behind it; None if there is none.

    Args:
        cron_job: the model's own, None if it is not there.
        before: the stored status.
    """
    told, was = _told(cron_job), before.get("batch") or {}
    began, succeeded = told.get("lastScheduleTime"), told.get("lastSuccessfulTime")
    if began is None:
        return None
    seen = was.get("lastScheduleTime")
    over = not told.get("active") or _time(seen) != _time(began)
    if was.get("running") and seen and over and _no_success_since(told, was):
        return str(seen)
    behind = (_time(succeeded) or _NEVER) < (_time(began) or _NEVER)
    return str(began) if behind and not told.get("active") else None


def verdict(cron_job: Manifest | None, pods: Iterable[Manifest], before: Manifest) -> Verdict:
    """Whether the last run that ended succeeded.

    Args:
        cron_job: the model's own, None if it is not there yet.
        pods: those of its runs; looked at where one has failed.
        before: the stored status.
    """
    told, held = _told(cron_job), _held(before)
    began = failed_run(cron_job, before)
    of_it = [pod for pod in pods if began and str(pod["metadata"].get("creationTimestamp", "")) >= began]
    if began and not any((pod.get("status") or {}).get("phase") == "Succeeded" for pod in of_it):
        said = f"the run scheduled for {began} ended without a result: "
        if held is not None and held.message.startswith(said):  # its pods may have gone since
            return held
        return Verdict("False", Reason.BATCH_RUN_FAILED, said + _why(of_it, cron_job or {}))
    unchanged = _no_success_since(told, before.get("batch") or {})
    if held is not None and (began or told.get("active") or (held.status == "False" and unchanged)):
        return held
    if "lastSuccessfulTime" in told:
        return Verdict("True", Reason.BATCH_RUN_SUCCEEDED, f"the last run succeeded at {told['lastSuccessfulTime']}")
    text = "the first run has not ended yet" if told.get("active") or began else "no run has begun yet"
    return Verdict("Unknown", Reason.NO_BATCH_RUN_YET, text)


def _no_success_since(told: Manifest, was: Manifest) -> bool:
    return _time(told.get("lastSuccessfulTime")) == _time(was.get("lastSuccessfulTime"))


def _held(before: Manifest) -> Verdict | None:
    """What was said of a run that has ended."""
    found = condition({"status": before}, CONDITION)
    reason = _ENDED.get(found.get("reason", ""))
    return None if reason is None else Verdict(found["status"], reason, found["message"])


def _why(pods: Iterable[Manifest], cron_job: Manifest) -> str:
    """The last words of the newest pod that failed. Times of the API server sort as texts."""
    failed = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Failed"]
    if not failed:
        seconds = cron_job["spec"]["jobTemplate"]["spec"].get("activeDeadlineSeconds")
        return f"no pod of it is left; it was deleted, or took longer than spec.batch.activeDeadlineSeconds ({seconds})"
    pod = max(failed, key=lambda item: str(item["metadata"]["creationTimestamp"]))
    states = [item.get("state") or {} for item in pod["status"].get("containerStatuses") or ()]
    ended = next((state["terminated"] for state in states if "terminated" in state), None)
    said = end_of(ended) if ended else words(pod["status"])
    return f"pod {pod['metadata']['name']}: {said}"


def _told(cron_job: Manifest | None) -> Manifest:
    found: Manifest = (cron_job or {}).get("status") or {}
    return found


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
