"""What KServe says in events, and before 0.20 in no status: why it cannot make or change an InferenceService's Deployment.

Asked for only where it has not followed for a while; nothing watches events, so such a model is looked at again.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from gpux_operator.build.metadata import MANAGER, Manifest
from gpux_operator.engine.pause import age_seconds
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import EVENTS, KubeApi
from gpux_operator.kube.errors import Forbidden
from gpux_operator.status import deployment, knative
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed

_HINTS = {
    "InternalError": "",
    "ServerlessModeRejected": ": it looks for Knative when it starts, so restart KServe's controller",
}
"""By the reason of `Recorder.Event` in pkg/controller/v1beta1/inferenceservice/controller.go. The second is said once, and in no status."""
_OVERTAKEN = "the object has been modified"
"""KServe tries again at once, and so does it a moment later."""
_USUAL_SECONDS, _LONGEST_SECONDS = 10.0, 300.0
"""Then each time after twice as long: without a KServe that runs, all models of a cluster wait like this."""


def look(api: KubeApi, key: Key, intent: Intent | None, observed: Observed, now: datetime) -> Observed:
    """What was observed, with KServe's words on why it does not follow the InferenceService.

    Raises:
        ApiError: the events cannot be read; without the permission to, there are none.
    """
    isvc = observed.inference_service
    if isvc is None or intent is None or intent.suspended or observed.is_stopped():
        return observed
    if _follows(observed, intent):
        return observed
    since = _written(isvc)
    age = age_seconds(since, now) or 0.0
    pause = min(max(age, _USUAL_SECONDS), _LONGEST_SECONDS)
    waits = [pause, *filter(None, [observed.look_again_seconds])]
    words = _words(api, key, isvc, since) if age >= _USUAL_SECONDS else None
    return replace(observed, kserve_trouble=words, look_again_seconds=min(waits))


def _follows(observed: Observed, intent: Intent) -> bool:
    """Whether what KServe makes of the InferenceService is there, of the newest version."""
    made, service = observed.own_deployment(), observed.own_knative_service()
    if intent.knative:
        return service is not None and knative.picked_up(service, intent)
    return made is not None and deployment.picked_up(made, intent, observed)


def _written(isvc: Manifest) -> str:
    """When the operator changed it last, RFC 3339."""
    metadata = isvc["metadata"]
    ours = (entry.get("time") for entry in metadata.get("managedFields") or () if entry.get("manager") == MANAGER)
    return str(next(filter(None, ours), metadata.get("creationTimestamp", "")))


def _words(api: KubeApi, key: Key, isvc: Manifest, since: str) -> str | None:
    """Of the newest failure since then. RFC 3339 times in UTC compare as text."""
    uid = isvc["metadata"]["uid"]
    found: list[Manifest] = []
    with suppress(Forbidden):  # by the RBAC of an older chart
        found = list(api.list(EVENTS, key.namespace, fields=f"involvedObject.uid={uid},type=Warning"))
    told = [item for item in found if item.get("reason") in _HINTS and _OVERTAKEN not in item.get("message", "")]
    newest = max(told, key=lambda event: str(event.get("lastTimestamp")), default=None)
    if newest is None or str(newest.get("lastTimestamp")) < since:
        return None
    return f"{newest['message']}{_HINTS[newest['reason']]}"
