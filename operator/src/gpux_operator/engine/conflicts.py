"""Namesakes: objects of a name that a model needs and that aren't its own. They are never touched, by us or by KServe.

Server-side apply with force takes a namesake of ours over without a word. So does KServe, whose reconcilers look at names
only: it rewrites an Ingress or Service of the user's and makes itself its owner, and deleting the model then deletes it.
That is prevented where it begins, before the InferenceService is written; afterwards nothing more is asked for.
"""

from collections.abc import Iterator

from gpux_api.v1alpha1 import KIND
from gpux_operator.build.checks import SLOWLY, SOON, Problem
from gpux_operator.build.inference_service import is_cluster_local
from gpux_operator.build.metadata import Manifest, controller_of
from gpux_operator.build.modes import KNATIVE, mode_of
from gpux_operator.engine.autoscalers import made_by
from gpux_operator.engine.observe import find
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import (
    DEPLOYMENTS,
    HTTP_ROUTES,
    INGRESSES,
    KNATIVE_SERVICES,
    SERVICES,
    VIRTUAL_SERVICES,
    KubeApi,
    Resource,
)
from gpux_operator.status.reasons import Reason

_HINT = "delete it, or give this model another name"


def own_conflict(stored: Manifest | None, wanted: Manifest | None) -> Problem | None:
    """A namesake of an object that the operator itself writes, None also where it writes none."""
    if stored is None or wanted is None:
        return None
    kind, name = wanted["kind"], wanted["metadata"]["name"]
    owner, model = controller_of(stored) or {}, controller_of(wanted) or {}
    ours = owner.get("uid") == model["uid"]
    earlier = not ours and (owner.get("kind"), owner.get("name")) == (KIND, model["name"])
    if "deletionTimestamp" in stored["metadata"] or earlier:
        message = f"{kind} {name} of an earlier model of this name is still being deleted; a new one follows it"
        return Problem(Reason.WAITING_FOR_DELETION, message, SOON)
    if ours:
        return None
    belongs = f"belongs to {owner['kind']} {owner['name']}" if owner else "was not made by this operator"
    return Problem(Reason.NAME_CONFLICT, f"{kind} {name} exists and {belongs}; it is not touched: {_HINT}", SLOWLY)


def kserve_conflict(api: KubeApi, key: Key, stored: Manifest | None, desired: Manifest) -> Problem | None:
    """A namesake of an object that KServe writes as soon as the InferenceService is stored as `desired`.

    Asks only for what KServe does not write yet, so for nothing in a pass that changes nothing.
    """
    for kind, resource, name in _first_written(key, stored, desired):
        found = find(api, resource, key, name)
        owner = controller_of(found or {}) or {}
        if found is not None and (owner.get("kind"), owner.get("name")) != ("InferenceService", key.name):
            belongs = f"belongs to {owner['kind']} {owner['name']}" if owner else "was not made for this model"
            message = f"{kind} {name} exists and {belongs}; KServe would take it over, so nothing is done: {_HINT}"
            return Problem(Reason.NAME_CONFLICT, message, SLOWLY)
    return None


def _first_written(key: Key, stored: Manifest | None, desired: Manifest) -> Iterator[tuple[str, Resource, str]]:
    """What KServe writes for `desired` and not for `stored`; a ClusterLocal model has no way in from outside."""
    predictor = f"{key.name}-predictor"
    if mode_of(desired) == KNATIVE:
        if stored is None:
            yield "Knative Service", KNATIVE_SERVICES, predictor
            yield "Service", SERVICES, key.name
            yield "VirtualService", VIRTUAL_SERVICES, key.name
        return
    if stored is None:
        yield "Deployment", DEPLOYMENTS, predictor
        yield "Service", SERVICES, predictor
    if stored is None or made_by(stored) != made_by(desired):
        yield *made_by(desired), predictor
    if not is_cluster_local(desired) and (stored is None or is_cluster_local(stored)):
        yield "Ingress", INGRESSES, key.name
        yield "HTTPRoute", HTTP_ROUTES, key.name
        yield "HTTPRoute", HTTP_ROUTES, predictor
