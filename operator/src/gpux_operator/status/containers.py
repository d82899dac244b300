"""What keeps a container from running, as the kubelet tells it in a pod's status."""

from collections.abc import Iterator

from gpux_operator.build.metadata import Manifest
from gpux_operator.status import hints
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.hints import STORAGE_INITIALIZER
from gpux_operator.status.reasons import Reason

_PULL = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
}
_LAST_LINES, _LAST_CHARACTERS = 12, 1200
_CONFIG = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreStartHookError",
    "PostStartHookError",
}


def init_container(pod: str, container: Manifest, spec: Manifest) -> Iterator[Verdict]:
    """What keeps an init container from ending well, the model's download above all.

    Args:
        pod: the pod's name.
        container: its status.
        spec: what was asked for.
    """
    state, last = container.get("state") or {}, container.get("lastState") or {}
    yield from _cannot_start(pod, container)
    ended = state.get("terminated") or (last.get("terminated") if "running" not in state else None)
    if ended and ended.get("exitCode") != 0:
        hint = "check the source's URI and the credentials of its ServiceAccount"
        what = " ".join((spec.get("args") or ())[:1])
        fetching = f" to fetch {what}" if "://" in what else ""
        yield not_ready(
            Reason.STORAGE_INITIALIZER_FAILED,
            f"{container['name']} in pod {pod} failed{fetching}: {end_of(ended)}: {hint}",
        )
    elif "running" in state and container["name"] == STORAGE_INITIALIZER:
        yield not_ready(
            Reason.MODEL_DOWNLOADING,
            f"pod {pod} is fetching the model since {state['running'].get('startedAt', 'now')}",
        )


def container(pod: str, container: Manifest, spec: Manifest) -> Iterator[Verdict]:
    """What keeps a container from running, or did twice before it runs now: the cause would come and go at each restart."""
    state, last = container.get("state") or {}, container.get("lastState") or {}
    yield from _cannot_start(pod, container)
    ended = state.get("terminated") or last.get("terminated")
    if not ended:
        return
    restarts = container.get("restartCount", 0)
    again = restarts > 1 and ended.get("exitCode") != 0
    if ended.get("reason") == "OOMKilled":
        limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
        of = f" of {limit}" if limit else ""
        hint = "raise spec.serving.resources.limits.memory"
        yield not_ready(
            Reason.OOM_KILLED,
            f"{container['name']} in pod {pod} used more memory than its limit{of} and was killed: {hint}",
        )
    elif "running" not in state or again:
        yield not_ready(
            Reason.CRASH_LOOP_BACK_OFF, f"{container['name']} in pod {pod} ended ({restarts} restarts): {end_of(ended)}"
        )


def _cannot_start(pod: str, container: Manifest) -> Iterator[Verdict]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in _PULL:
        image = container.get("image", "?")
        yield not_ready(
            Reason.IMAGE_PULL_FAILED,
            f"pod {pod} cannot pull {image} for {container['name']}: {words(waiting)}{hints.pull(words(waiting))}",
        )
    if waiting.get("reason") in _CONFIG:
        message = f"{container['name']} in pod {pod} cannot be created: {words(waiting)}"
        yield not_ready(Reason.CONTAINER_CONFIG_ERROR, message + hints.creation(container, message))


def words(state: Manifest) -> str:
    """The reason and the message of a state or condition."""
    return ": ".join(str(state[key]) for key in ("reason", "message") if state.get(key))


def end_of(ended: Manifest) -> str:
    """The exit code and the last words: a traceback's end says more than its beginning."""
    message = str(ended.get("message") or ended.get("reason") or "no message").strip()
    last = "\n".join(message.splitlines()[-_LAST_LINES:])[-_LAST_CHARACTERS:]
    return f"exit code {ended.get('exitCode', '?')}: {'' if last == message else '…'}{last}"


def not_ready(reason: Reason, message: str) -> Verdict:
    """The verdict on Ready."""
    return Verdict("False", reason, message)
