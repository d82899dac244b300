"""Takes away the ways in from outside that KServe leaves behind when a model becomes ClusterLocal.

KServe stops making an Ingress or HTTPRoute for a cluster-local InferenceService, and never deletes those it made before:
the model would stay reachable. Only objects that this InferenceService controls are deleted; a user's own Ingress stays.
"""

from collections.abc import Iterator

from gpux_operator.build.checks import SLOWLY, SOON, Problem
from gpux_operator.build.metadata import Manifest, is_controlled_by
from gpux_operator.build.modes import KNATIVE, mode_of
from gpux_operator.engine.observe import find
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import HTTP_ROUTES, INGRESSES, KubeApi, Resource
from gpux_operator.kube.errors import Forbidden, Rejected
from gpux_operator.status.reasons import Reason


def withdraw(api: KubeApi, key: Key, isvc: Manifest) -> Problem | None:
    """Deletes KServe's Ingress and HTTPRoutes of a ClusterLocal model. Returns what still leads to it, if anything does.

    Nothing watches these kinds, so what lingers (a load balancer's finalizer, say) is looked at again soon.

    Raises:
        ApiError: the request may succeed another time.
    """
    if mode_of(isvc) == KNATIVE:  # where KServe makes neither
        return None
    for kind, resource, found in _made_for(api, key, isvc):
        metadata = found["metadata"]
        what = f"{kind} {metadata['name']}, made by KServe while this model was Public, still leads to it"
        try:
            if "deletionTimestamp" not in metadata:
                api.delete(resource, key.namespace, metadata["name"], metadata["uid"])
        except Forbidden as error:
            return Problem(Reason.OPERATOR_FORBIDDEN, f"{what}; the operator may not delete it: {error}", SLOWLY)
        except Rejected as error:
            return Problem(Reason.STILL_EXPOSED, f"{what}; the cluster refuses to delete it: {error}", SLOWLY)
        if _is_left(api, resource, key, found):
            waits = ", ".join(metadata.get("finalizers") or ()) or "the API server"
            return Problem(Reason.STILL_EXPOSED, f"{what}; it is being deleted and waits for {waits}", SOON)
    return None


def _made_for(api: KubeApi, key: Key, isvc: Manifest) -> Iterator[tuple[str, Resource, Manifest]]:
    names = (
        ("Ingress", INGRESSES, key.name),
        ("HTTPRoute", HTTP_ROUTES, key.name),
        ("HTTPRoute", HTTP_ROUTES, f"{key.name}-predictor"),
    )
    for kind, resource, name in names:
        found = find(api, resource, key, name)
        if found is not None and is_controlled_by(found, isvc["metadata"]["uid"]):
            yield kind, resource, found


def _is_left(api: KubeApi, resource: Resource, key: Key, deleted: Manifest) -> bool:
    found = find(api, resource, key, deleted["metadata"]["name"])
    return found is not None and found["metadata"]["uid"] == deleted["metadata"]["uid"]
