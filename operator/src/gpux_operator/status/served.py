"""Where the model is reached, what was last known of it, and how to call it: `url`, `address`, `model` and `example` of a status."""

import json
import shlex
from urllib.parse import urlsplit

from pydantic import ValidationError

from gpux_api.v1alpha1 import Address, ModelStatus
from gpux_operator.build.metadata import Manifest
from gpux_operator.status import traffic
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed
from gpux_operator.status.predictor import Described

MAX_BODY = 8192
"""Characters of an example's body; a longer one (a photo) makes the object unreadable. `/openapi.json` has it."""

_KEY = '-H "X-API-Key: $API_KEY"'


def url(intent: Intent | None, observed: Observed, before: Manifest) -> str | None:
    """KServe's URL, if there really is an ingress for it: it sets the URL where there is none. In Knative mode Knative's own, once its
    route is ready; KServe's is another name for it, of an Istio VirtualService that may be missing.

    Args:
        intent: what is wanted.
        observed: what exists.
        before: the status until now.
    """
    if intent is None or not intent.public or observed.inference_service is None:
        return None
    service = observed.own_knative_service()
    if service is not None:
        known = (service.get("status") or {}).get("url")
        routed = traffic.is_exposed(service) and traffic.is_routed(service, held=before.get("url") == known)
        return str(known) if routed else None
    found = (observed.inference_service.get("status") or {}).get("url")
    return found if found and urlsplit(found).hostname in observed.hosts else None


def address(intent: Intent | None, observed: Observed) -> Address | None:
    """The way from inside the cluster; in Knative mode Knative's own. KServe always says http://, and its Service has port 80 for
    whatever the pods speak.
    """
    made_by = observed.own_knative_service() if observed.is_knative() else observed.inference_service
    status = (made_by or {}).get("status") or {}
    found = (status.get("address") or {}).get("url")
    if found and intent is not None and intent.tls:
        split = urlsplit(found)
        found = split._replace(scheme="https", netloc=f"{split.hostname}:{split.port or 80}").geturl()
    return Address(url=found) if found else None


def model(described: Described | None, before: Manifest, intent: Intent | None = None) -> ModelStatus | None:
    """The model as its predictor describes it; until one does (a restart of the operator, a rollout) what was said last.

    None where the operator is told nothing: what was said last would stay, whatever is served since.
    """
    if intent is not None and intent.undescribed:
        return None
    if described is not None:
        return described.model
    try:
        return ModelStatus.model_validate(before["model"]) if "model" in before else None
    except ValidationError:  # stored by another version
        return None


def example(
    described: Described | None, base: str | None, before: Manifest, intent: Intent | None = None
) -> str | None:
    """A curl command for the model's own example request; in-cluster if there is no ingress. None if it has no short one, and
    where `model` is None.
    """
    if intent is not None and intent.undescribed:
        return None
    keyed = intent is not None and intent.keyed
    if described is None:
        found = before.get("example")
        return found if isinstance(found, str) and (intent is None or (_KEY in found) == keyed) else None
    body = None if described.example is None else json.dumps(described.example, ensure_ascii=False)
    return _curl(base, body, keyed=keyed) if base is not None and body is not None and len(body) <= MAX_BODY else None


def _curl(base: str, body: str, *, keyed: bool) -> str:
    key = f" {_KEY}" if keyed else ""
    return f"curl -sS {base.rstrip('/')}/predict{key} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
