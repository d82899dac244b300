"""How a Knative Service splits the requests between its revisions, and whether those that get any answer them."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from gpux_operator.build.metadata import Manifest, pod_hash_of
from gpux_operator.status import pods
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.observed import Intent, Observed, condition, is_ready
from gpux_operator.status.reasons import PROGRESS, Reason

SLEEPS = "no replica runs while nobody asks; the next request starts one, and waits for it"


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


def available(observed: Observed, intent: Intent | None) -> Verdict | None:
    """Whether a revision that gets requests answers them, of whatever generation; None if none does."""
    service = observed.own_knative_service()
    if service is None or condition(service, "RoutesReady").get("status") != "True":
        return None
    shares = split(service, "").others
    routed = [item for item in observed.revisions if item["metadata"]["name"] in shares]
    hashes = {pod_hash_of(item) for item in routed if condition(item, "Ready").get("status") == "True"}
    alive = [pod for pod in observed.alive_pods() if pod_hash_of(pod) in hashes]
    serving = sum(map(is_ready, alive))
    newest = "" if intent is not None and hashes == {intent.pod_hash} else ", not all of them of the newest generation"
    if serving:
        return Verdict(
            "True", Reason.SERVING, f"{count(serving)} {'answers' if serving == 1 else 'answer'} requests{newest}"
        )
    if not hashes:
        return None
    trouble = pods.worst(alive, observed.said, observed.troubles)
    if trouble is not None and trouble.reason not in PROGRESS:
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
