"""What keeps a pod from serving. KServe's status never says it (its conditions come from the Deployment), only pods do."""

from collections.abc import Iterable, Iterator

from gpux_operator.build.metadata import Manifest
from gpux_operator.status import hints
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.hints import STORAGE_INITIALIZER
from gpux_operator.status.observed import condition, is_ready
from gpux_operator.status.reasons import Reason

_PULL = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
}
_CONFIG = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreStartHookError",
    "PostStartHookError",
}
_WORST_FIRST = (
    Reason.IMAGE_PULL_FAILED,
    Reason.CONTAINER_CONFIG_ERROR,
    Reason.STORAGE_INITIALIZER_FAILED,
    Reason.OOM_KILLED,
    Reason.CRASH_LOOP_BACK_OFF,
    Reason.UNSCHEDULABLE,
    Reason.POD_FAILED,
    Reason.MODEL_DOWNLOADING,
    Reason.PODS_NOT_READY,
)


def worst(pods: Iterable[Manifest]) -> Verdict | None:
    """The worst cause among pods that are not ready, None if there is none."""
    found = [verdict for pod in pods if not is_ready(pod) for verdict in _causes(pod)]
    return min(found, key=lambda verdict: _WORST_FIRST.index(verdict.reason), default=None)


def _causes(pod: Manifest) -> Iterator[Verdict]:
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    if status.get("phase") == "Failed":
        yield _not(Reason.POD_FAILED, f"pod {name} was stopped: {_words(status)}")
        return
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        yield _not(
            Reason.UNSCHEDULABLE, f"pod {name} waits for a node: {_words(scheduled)}{hints.scheduling(scheduled)}"
        )
        return
    for container in status.get("initContainerStatuses") or ():
        yield from _init_container(name, container)
    for container in status.get("containerStatuses") or ():
        yield from _container(name, container)
    yield _not(Reason.PODS_NOT_READY, _not_ready_message(pod))


def _init_container(pod: str, container: Manifest) -> Iterator[Verdict]:
    state, last = container.get("state") or {}, container.get("lastState") or {}
    yield from _cannot_start(pod, container)
    ended = state.get("terminated") or (last.get("terminated") if "running" not in state else None)
    if ended and ended.get("exitCode") != 0:
        hint = "check the source's URI and the credentials of its ServiceAccount"
        yield _not(Reason.STORAGE_INITIALIZER_FAILED, f"{container['name']} in pod {pod} failed: {_end(ended)}: {hint}")
    elif "running" in state and container["name"] == STORAGE_INITIALIZER:
        yield _not(
            Reason.MODEL_DOWNLOADING,
            f"pod {pod} is fetching the model since {state['running'].get('startedAt', 'now')}",
        )


def _container(pod: str, container: Manifest) -> Iterator[Verdict]:
    state, last = container.get("state") or {}, container.get("lastState") or {}
    yield from _cannot_start(pod, container)
    ended = state.get("terminated") or last.get("terminated")
    if not ended:
        return
    if ended.get("reason") == "OOMKilled":
        hint = "raise spec.serving.resources.limits.memory"
        yield _not(
            Reason.OOM_KILLED,
            f"{container['name']} in pod {pod} used more memory than its limit and was killed: {hint}",
        )
    elif "running" not in state:
        restarts = container.get("restartCount", 0)
        yield _not(
            Reason.CRASH_LOOP_BACK_OFF, f"{container['name']} in pod {pod} ended ({restarts} restarts): {_end(ended)}"
        )


def _cannot_start(pod: str, container: Manifest) -> Iterator[Verdict]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in _PULL:
        image = container.get("image", "?")
        yield _not(
            Reason.IMAGE_PULL_FAILED, f"pod {pod} cannot pull {image} for {container['name']}: {_words(waiting)}"
        )
    if waiting.get("reason") in _CONFIG:
        message = f"{container['name']} in pod {pod} cannot be created: {_words(waiting)}"
        yield _not(Reason.CONTAINER_CONFIG_ERROR, message + hints.as_root(container, message))


def _not_ready_message(pod: Manifest) -> str:
    name = pod["metadata"]["name"]
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    if any("running" in (container.get("state") or {}) for container in statuses):
        return f"pod {name} runs, and its readiness probe fails: the model is loading, or GET /health in the pod says why not"
    return f"pod {name} is starting: {_words(condition(pod, 'ContainersReady')) or 'its containers are being created'}"


def _words(state: Manifest) -> str:
    return ": ".join(str(state[key]) for key in ("reason", "message") if state.get(key))


def _end(ended: Manifest) -> str:
    return f"exit code {ended.get('exitCode', '?')}: {str(ended.get('message') or ended.get('reason') or 'no message').strip()}"


def _not(reason: Reason, message: str) -> Verdict:
    return Verdict("False", reason, message)
