"""A model's status from what was observed: what holds, and the one top cause of what doesn't.

`Ready` ties the intent to the pods by our own hash on the pod template: an InferenceService's observedGeneration is its
Deployment's, and its Ready stays True while old pods serve. What is not known is Unknown, never False.
"""

from datetime import datetime

from gpux_api.v1alpha1 import GpuxModelStatus
from gpux_operator.build.checks import Problem
from gpux_operator.build.metadata import STOP, Manifest
from gpux_operator.status import batch, knative, kserve, served, standard, traffic
from gpux_operator.status.conditions import Verdict, conditions
from gpux_operator.status.deployment import all_newest, count
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed, condition, is_ready
from gpux_operator.status.reasons import OF_THE_PREDICTOR, OF_THE_SPEC, Reason


def roll_up(
    model: Manifest, problem: Problem | None, intent: Intent | None, observed: Observed, now: datetime
) -> GpuxModelStatus:
    """The status of a model.

    Args:
        model: the stored object, whose status is carried on where nothing changed.
        problem: what kept the operator from applying the spec, if something did.
        intent: what the spec asks for; None if the spec cannot be read.
        observed: what exists.
        now: the time, for conditions that change.
    """
    metadata = model["metadata"]
    ready = _ready(problem, intent, observed)
    before = model.get("status") or {}
    verdicts = {
        "Accepted": _accepted(problem, intent),
        "ModelLoaded": _model_loaded(intent, observed, ready),
        "Available": _available(intent, observed, ready, before),
        "Ready": ready,
    }
    scheduled, runs = batch.is_scheduled(model), batch.own(observed.cron_job, model)
    if scheduled:
        verdicts[batch.CONDITION] = batch.verdict(runs, observed.run_pods, before)
    url, address = served.url(intent, observed, before), served.address(intent, observed)
    return GpuxModelStatus(
        observed_generation=metadata["generation"],
        conditions=conditions(before.get("conditions") or (), verdicts, metadata["generation"], now),
        url=url,
        address=address,
        replicas=len(observed.running_pods()),
        ready_replicas=_ready_count(intent, observed),
        selector=_selector(metadata["name"], observed),
        model=served.model(observed.described, before, intent),
        batch=batch.status(runs) if scheduled else None,
        example=served.example(observed.described, url or (address.url if address else None), before, intent),
    )


def as_stored(status: GpuxModelStatus) -> Manifest:
    """The status as the API server stores it."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def _accepted(problem: Problem | None, intent: Intent | None) -> Verdict:
    if problem is not None and problem.reason in OF_THE_SPEC:
        return Verdict("False", problem.reason, problem.message)
    rollout = f"; {intent.rollout}" if intent is not None and intent.rollout else ""
    if intent is not None and intent.unknown:
        names = ", ".join(intent.unknown)
        message = (
            f"this operator does not know {names}, and acts as if it were not there: upgrade the operator{rollout}"
        )
        return Verdict("True", Reason.FIELDS_IGNORED, message)
    return Verdict("True", Reason.VALID, f"the spec is valid{rollout}")


def _selector(name: str, observed: Observed) -> str:
    """KServe's own labels; Knative gives each revision another `app`."""
    return f"serving.kserve.io/inferenceservice={name}" if observed.is_knative() else f"app=isvc.{name}-predictor"


def _available(intent: Intent | None, observed: Observed, ready: Verdict, before: Manifest) -> Verdict:
    deployment = observed.own_deployment()
    available = count(deployment, "availableReplicas")
    held = condition({"status": before}, "Available").get("status") == "True"
    found = traffic.available(observed, intent, held) if observed.is_knative() else None
    if found is not None:
        return found
    if deployment is None or available == 0:
        return Verdict("Unknown" if ready.status == "Unknown" else "False", ready.reason, ready.message)
    newest = "" if all_newest(deployment, intent) else ", not all of them of the newest generation"
    return Verdict(
        "True", Reason.SERVING, f"{available} of {count(deployment, 'replicas')} replicas answer requests{newest}"
    )


def _model_loaded(intent: Intent | None, observed: Observed, ready: Verdict) -> Verdict:
    """The readiness probe is the predictor's /health, which is 200 only with the model loaded."""
    if _ready_count(intent, observed):
        return Verdict("True", Reason.MODEL_READY, "a replica of the newest generation loaded the model")
    if intent is not None and intent.suspended:
        return Verdict("Unknown", Reason.SUSPENDED, "no replica runs")
    if ready.reason in OF_THE_PREDICTOR:
        return Verdict("False", ready.reason, ready.message)
    if ready.status == "True" and observed.is_knative():  # as a canary, too
        return Verdict("Unknown", Reason.SCALED_TO_ZERO, "no replica runs")
    return Verdict("Unknown", Reason.PODS_NOT_READY, "no replica of the newest generation is ready yet")


def _ready(problem: Problem | None, intent: Intent | None, observed: Observed) -> Verdict:
    if problem is not None:
        unknown = problem.reason in {Reason.REQUEST_FAILED, Reason.WAITING_FOR_DELETION}
        return Verdict("Unknown" if unknown else "False", problem.reason, problem.message)
    if observed.is_stopped() or (intent is not None and intent.suspended):
        return _without_pods(intent, observed)
    if intent is not None and intent.knative:
        return knative.ready(observed, intent)
    return standard.ready(observed, intent)


def _without_pods(intent: Intent | None, observed: Observed) -> Verdict:
    """Nothing runs, and that is meant so: by the spec, by the operator for a moment, or by somebody's hand."""
    if intent is not None and intent.suspended:
        return _suspended(observed)
    if intent is not None and intent.renewed:
        return kserve.waiting("the Deployment had no replicas, which no autoscaler changes, so KServe makes a new one")
    return _stopped(observed)


def _suspended(observed: Observed) -> Verdict:
    left = len(observed.pods)
    ending = f"; {left} of its pods still there" if left else ""
    return Verdict("False", Reason.SUSPENDED, f"spec.suspend is true: no pod serves until it is false{ending}")


def _stopped(observed: Observed) -> Verdict:
    metadata = (observed.inference_service or {})["metadata"]
    command = f"kubectl annotate inferenceservice {metadata['name']} -n {metadata.get('namespace', '')} {STOP}-"
    return Verdict(
        "False",
        Reason.STOPPED,
        f"the InferenceService has the annotation {STOP}, put there by hand: resume with {command}",
    )


def _ready_count(intent: Intent | None, observed: Observed) -> int:
    return 0 if intent is None else sum(map(is_ready, observed.current_pods(intent.pod_hash)))
