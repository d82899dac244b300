"""How a Knative Service splits the requests between its revisions, and whether those that get any answer them."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from gpux_operator.build.metadata import Manifest, pod_hash_of
from gpux_operator.status import pods
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed, condition, is_ready
from gpux_operator.status.reasons import PROGRESS, Reason

SLEEPS = "no replica runs while nobody asks; the next request starts one, and waits for it"
_LEFT_AS_IT_WAS = "RevisionMissing"
"""Of a target that failed, too (knative.dev/serving, MarkRevisionFailed in pkg/apis/serving/v1/route_lifecycle.go)."""


@dataclass(frozen=True)
class Split:
    """How the Knative Service splits the requests now.

    Args:
        newest: the newest revision's share, in percent.
        others: those of other revisions that get any.
    """

    newest: int
    others: dict[str, int]


def split(service: Manifest, revision: str) -> Split:
    """The traffic of the Service's status. A revision may stand there twice, as the newest and as the one before."""
    shares: dict[str, int] = {}
    for target in (service.get("status") or {}).get("traffic") or ():
        name = str(target.get("revisionName", ""))
        shares[name] = shares.get(name, 0) + int(target.get("percent") or 0)
    others = {name: share for name, share in shares.items() if name != revision and share > 0}
    return Split(shares.get(revision, 0), others)


def asked_share(service: Manifest) -> int:
    """What KServe asks Knative to give the newest revision."""
    targets = service["spec"].get("traffic") or ()
    return next((int(target.get("percent") or 0) for target in targets if target.get("latestRevision")), 0)


def is_routed(service: Manifest, held: bool) -> bool:
    """Whether requests find their way.

    Knative calls a route Unknown while it changes, and does not touch one with a revision that failed or is gone: requests go where
    they went.

    Args:
        held: whether they found it before.
    """
    said = condition(service, "RoutesReady")
    as_before = said.get("status") != "False" or said.get("reason") == _LEFT_AS_IT_WAS
    return said.get("status") == "True" or (held and as_before)


def available(observed: Observed, intent: Intent | None, held: bool) -> Verdict | None:
    """Whether a revision that gets requests answers them, of whatever generation; None if none does.

    One that has pods does, even if Knative calls it failed, as when it cannot start another one; one that sleeps has to be ready.

    Args:
        held: whether one did before.
    """
    service = observed.own_knative_service()
    if service is None or not is_routed(service, held):
        return None
    shares = split(service, "").others
    routed = [item for item in observed.revisions if item["metadata"]["name"] in shares]
    hashes = {pod_hash_of(item) for item in routed}
    alive = [pod for pod in observed.alive_pods() if pod_hash_of(pod) in hashes]
    serving = sum(map(is_ready, alive))
    newest = "" if intent is not None and hashes == {intent.pod_hash} else ", not all of them of the newest generation"
    if serving:
        return Verdict(
            "True", Reason.SERVING, f"{count(serving)} {'answers' if serving == 1 else 'answer'} requests{newest}"
        )
    if not any(condition(item, "Ready").get("status") == "True" for item in routed):
        return None
    trouble = pods.worst(alive, observed.said, observed.troubles)
    if trouble is not None and trouble.reason not in {*PROGRESS, Reason.POD_FAILED}:
        return trouble
    return Verdict("True", Reason.SCALED_TO_ZERO, SLEEPS)


def is_exposed(service: Manifest) -> bool:
    """Whether there is a way in from outside: without one the Service's URL is the one from inside."""
    status = service.get("status") or {}
    outside, inside = (
        urlsplit(str(url or "")).hostname for url in (status.get("url"), (status.get("address") or {}).get("url"))
    )
    return outside is not None and outside != inside


def count(replicas: int) -> str:
    """So many of them, in words."""
    return f"{replicas} replica{'' if replicas == 1 else 's'}"
