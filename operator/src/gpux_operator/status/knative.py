"""A model in Knative mode: what its Knative Service, its revisions and their pods say of the current intent.

KServe passes an InferenceService on as a Knative Service with our pod hash on its template; Knative makes a revision of each template
and says in the Service which one is the newest, and how the requests are split. Revisions scale to zero and serve all the same.
"""

from gpux_operator.build.metadata import Manifest, pod_hash_of
from gpux_operator.status import hints, kserve, pods, traffic
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.containers import words
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed, condition, is_ready, is_seen
from gpux_operator.status.reasons import PROGRESS, Reason


def picked_up(service: Manifest, intent: Intent) -> bool:
    """Whether KServe has passed the current intent on."""
    return pod_hash_of(service["spec"]["template"]) == intent.pod_hash


def newest_revision(observed: Observed, intent: Intent) -> Manifest | None:
    """The revision of the current intent, once Knative has made it."""
    service = observed.own_knative_service()
    if service is None or not picked_up(service, intent) or not is_seen(service):
        return None
    name = (service.get("status") or {}).get("latestCreatedRevisionName")
    found = next((item for item in observed.revisions if item["metadata"]["name"] == name), None)
    return found if found is not None and pod_hash_of(found) == intent.pod_hash else None


def ready(observed: Observed, intent: Intent) -> Verdict:
    """Whether the newest generation serves as the spec asks."""
    service = observed.own_knative_service()
    if service is None:
        return kserve.trouble(observed) or kserve.waiting("KServe has not made a Knative Service yet")
    if not picked_up(service, intent):
        return _not_followed(observed) or _progress("KServe has not passed the newest generation on yet")
    revision = newest_revision(observed, intent)
    if revision is not None:
        return _revision(observed, intent, revision) or _routed(service, intent, observed, revision)
    failed = condition(service, "ConfigurationsReady")
    if failed.get("status") == "False" and is_seen(service):
        return Verdict("False", Reason.REVISION_FAILED, f"Knative cannot make a revision: {words(failed)}")
    return _progress("Knative has not made a revision of the newest generation yet")


def _not_followed(observed: Observed) -> Verdict | None:
    """Why KServe does not pass the newest generation on; what it copies from an older revision is no reason."""
    failed = observed.kserve_condition("PredictorReady").get("reason") == "ReconcileFailed"
    return kserve.trouble(observed) if failed or observed.kserve_trouble is not None else None


def _progress(message: str) -> Verdict:
    return Verdict("False", Reason.ROLLOUT_IN_PROGRESS, message)


def _revision(observed: Observed, intent: Intent, revision: Manifest) -> Verdict | None:
    """Why the newest revision does not serve, or with too few replicas: its pods' trouble, else its own; None if it does."""
    current = observed.current_pods(intent.pod_hash)
    serving = sum(map(is_ready, current))
    found = pods.worst(current, observed.said, observed.troubles)
    trouble = found if found is not None and found.reason not in PROGRESS else None
    said, name = condition(revision, "Ready"), revision["metadata"]["name"]
    if said.get("status") != "True":
        if trouble is None and said.get("status") == "False":
            return _failed(name, said)
        return trouble or found or _progress(f"Knative is starting revision {name}: {words(said) or 'no word yet'}")
    # A pod that a node stopped is kept for its words, and stands in nobody's way: a request starts another one.
    least = intent.replicas if trouble is not None and trouble.reason == Reason.POD_FAILED else max(intent.replicas, 1)
    if trouble is not None and serving < least:
        return trouble
    if serving < intent.replicas and intent.canary != 0:
        return found or _progress(f"{serving} of {intent.replicas} replicas of the newest generation serve")
    return None


def _failed(name: str, said: Manifest) -> Verdict:
    """A revision's failure that no pod tells of; without its words on creating pods there would be none to tell."""
    message = str(said.get("message", ""))
    if "exceeded quota" in message:
        reason = Reason.QUOTA_EXCEEDED
    else:
        reason = Reason.PODS_REFUSED if said.get("reason") == "FailedCreate" else Reason.REVISION_FAILED
    return Verdict("False", reason, f"Knative reports of revision {name}: {words(said)}{hints.refused(message)}")


def _routed(service: Manifest, intent: Intent, observed: Observed, revision: Manifest) -> Verdict:
    """How the requests are split, where the newest revision can serve."""
    routes, name = condition(service, "RoutesReady"), revision["metadata"]["name"]
    if routes.get("status") != "True":
        said = f"Knative reports of the route: {words(routes) or 'no word yet'}"
        return Verdict("False", Reason.INGRESS_NOT_READY, said) if routes.get("status") == "False" else _progress(said)
    wanted = 100 if intent.canary is None else intent.canary
    now = traffic.split(service, name)
    if traffic.asked_share(service) != wanted or (now.newest != wanted and now.others):
        return _progress(f"{now.newest} % of the requests go to revision {name}, and {wanted} % are to")
    if not intent.public and traffic.is_exposed(service):
        return Verdict("False", Reason.STILL_EXPOSED, f"Knative's route still has {service['status']['url']}")
    serving = sum(map(is_ready, observed.current_pods(intent.pod_hash)))
    if now.others:
        return Verdict("True", Reason.CANARY_IN_PROGRESS, _canary(name, now))
    if serving == 0:
        return Verdict("True", Reason.SCALED_TO_ZERO, traffic.SLEEPS)
    return Verdict(
        "True",
        Reason.NEWEST_SERVES,
        f"{traffic.count(serving)} of the newest generation {'serves' if serving == 1 else 'serve'}",
    )


def _canary(name: str, now: traffic.Split) -> str:
    rest = ", ".join(f"{share} % to revision {other}" for other, share in now.others.items())
    return (
        f"{now.newest} % of the requests go to the newest generation (revision {name}), {rest}; without spec.rollout.canary, or with "
        "percent: 100, all do"
    )
