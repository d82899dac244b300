"""What a node says in events, and in no status: why it cannot start a pod whose volumes or network are not there.

Asked for only where a pod has been stuck there for a while; nothing watches events, so such a pod is looked at again.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from gpux_operator.build.metadata import Manifest
from gpux_operator.engine.pause import age_seconds, pause_seconds
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import EVENTS, KubeApi
from gpux_operator.kube.errors import Forbidden
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed, condition

_TROUBLES = {"FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox"}
_VAGUE = "Unable to attach or mount volumes"
"""The kubelet's summary after two minutes; the event beside it says of which volume, and why."""
_USUAL_SECONDS = 8.0
"""A ConfigMap that was made a moment ago is not found at first, and an attached disk takes its time."""
_MOST_PODS = 3


def look(api: KubeApi, key: Key, intent: Intent | None, observed: Observed, now: datetime) -> Observed:
    """What was observed, with the words of nodes about pods of the newest version that they cannot start.

    Raises:
        ApiError: the events cannot be read; without the permission to, there are none.
    """
    pods = [pod for pod in observed.current_pods(intent.pod_hash) if _is_held_up(pod)] if intent else []
    troubles: dict[str, str] = {}
    pauses = []
    for pod in pods[:_MOST_PODS]:
        since = pod["status"].get("startTime")
        pauses.append(pause_seconds(since, now))
        words = _words(api, key, pod) if (age_seconds(since, now) or 0.0) >= _USUAL_SECONDS else None
        if words is not None:
            troubles[pod["metadata"]["name"]] = words
    return replace(observed, troubles=troubles, look_again_seconds=min(pauses, default=None))


def _is_held_up(pod: Manifest) -> bool:
    """Whether its node has it, and neither its volumes nor its network yet."""
    started = condition(pod, "PodReadyToStartContainers").get("status")
    return condition(pod, "PodScheduled").get("status") == "True" and started == "False"


def _words(api: KubeApi, key: Key, pod: Manifest) -> str | None:
    """The newest event that tells why, of those that say more than others."""
    found: list[Manifest] = []
    with suppress(Forbidden):  # by the RBAC of an older chart
        selected = api.list(EVENTS, key.namespace, fields=f"involvedObject.uid={pod['metadata']['uid']},type=Warning")
        found = [event for event in selected if event.get("reason") in _TROUBLES]
    newest = max(found, key=lambda event: (_VAGUE not in str(event.get("message")), _time(event)), default=None)
    return None if newest is None else f"{newest['reason']}: {newest.get('message', '')}"


def _time(event: Manifest) -> str:
    """When it was seen last, RFC 3339; events that are counted have `lastTimestamp`, series and single ones others."""
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(event.get("lastTimestamp") or series or event.get("eventTime") or "")
