"""What keeps a pod from serving. KServe's status never says it (its conditions come from the Deployment), only pods do."""

from collections.abc import Iterable, Iterator, Mapping

from gpux_operator.build.metadata import Manifest, pod_hash_of
from gpux_operator.status import containers, hints
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.containers import not_ready, words
from gpux_operator.status.observed import condition, is_ready
from gpux_operator.status.predictor import Health
from gpux_operator.status.reasons import OF_THE_PREDICTOR, Reason
from gpux_operator.status.running import spec_of

_MADE_TO_LEAVE = {"EvictionByEvictionAPI", "DeletionByTaintManager", "PreemptionByScheduler"}
"""Of DisruptionTarget. Without TerminationByKubelet, which is for want of memory or disk: the pod's own failure."""
_WORST_FIRST = (
    Reason.IMAGE_PULL_FAILED,
    Reason.CONTAINER_CONFIG_ERROR,
    Reason.POD_START_FAILED,
    Reason.STORAGE_INITIALIZER_FAILED,
    *sorted(OF_THE_PREDICTOR),
    Reason.OOM_KILLED,
    Reason.CRASH_LOOP_BACK_OFF,
    Reason.UNSCHEDULABLE,
    Reason.POD_FAILED,
    Reason.MODEL_DOWNLOADING,
    Reason.MODEL_LOADING,
    Reason.PODS_NOT_READY,
)


def worst(pods: Iterable[Manifest], said: Mapping[str, Health], troubles: Mapping[str, str]) -> Verdict | None:
    """The worst cause among pods that are not ready, None if there is none.

    Args:
        pods: of one version.
        said: what their predictors say, by pod.
        troubles: what their nodes say, by pod.
    """
    found = [verdict for pod in pods if not is_ready(pod) for verdict in _causes(pod, said, troubles)]
    return min(found, key=lambda verdict: _WORST_FIRST.index(verdict.reason), default=None)


def evicted(pods: Iterable[Manifest], pod_hash: str) -> Verdict | None:
    """The word on a pod that was made to leave its node, None if there is none."""
    for pod in pods:
        target = condition(pod, "DisruptionTarget")
        made_to = target.get("status") == "True" and target.get("reason") in _MADE_TO_LEAVE
        if made_to and pod_hash_of(pod) == pod_hash:
            node = (pod.get("spec") or {}).get("nodeName", "its node")
            return not_ready(Reason.DRAINED, f"pod {pod['metadata']['name']} was evicted from {node}: {words(target)}")
    return None


def _causes(pod: Manifest, said: Mapping[str, Health], troubles: Mapping[str, str]) -> Iterator[Verdict]:
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    if status.get("phase") == "Failed":
        yield not_ready(Reason.POD_FAILED, f"pod {name} was stopped: {words(status)}")
        return
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        yield not_ready(
            Reason.UNSCHEDULABLE, f"pod {name} waits for a node: {words(scheduled)}{hints.scheduling(scheduled)}"
        )
        return
    for container in status.get("initContainerStatuses") or ():
        yield from containers.init_container(name, container, spec_of(pod, container["name"]))
    for container in status.get("containerStatuses") or ():
        yield from containers.container(name, container, spec_of(pod, container["name"]))
    if trouble := troubles.get(name):
        message = f"the node of pod {name} cannot start it: {trouble}{hints.starting(trouble)}"
        yield not_ready(Reason.POD_START_FAILED, message)
    words_of = said.get(name)
    yield _running(name, words_of) if words_of else not_ready(Reason.PODS_NOT_READY, _not_ready_message(pod))


def _running(pod: str, said: Health) -> Verdict:
    """In the predictor's words: the cause first, since it is what a list shows."""
    if said.reason in OF_THE_PREDICTOR:
        return not_ready(said.reason, f"{said.words} (said by the predictor in pod {pod})")
    return not_ready(said.reason, f"pod {pod} is not ready: {said.words}")


def _not_ready_message(pod: Manifest) -> str:
    name = pod["metadata"]["name"]
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    if any("running" in (container.get("state") or {}) for container in statuses):
        return (
            f"pod {name} runs, and its readiness probe fails. The operator cannot ask it why (a NetworkPolicy may be in the way): "
            f"`kubectl logs {name}` or GET /health in the pod says so"
        )
    return f"pod {name} is starting: {words(condition(pod, 'ContainersReady')) or 'its containers are being created'}"
