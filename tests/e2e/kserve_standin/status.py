"""The status that KServe rolls up from a Deployment and its pods: what it shows, and what it does not.

`Ready` stays true during a rollout, and why a pod does not start (no GPU, no image) is nowhere in it.
"""

import copy
import datetime
from typing import Any

from .children import hosts, predictor_name
from .settings import CONTAINER, Settings

Object = dict[str, Any]
NEEDED = ("IngressReady", "PredictorReady")
STATE_CHANGES = {
    "Pending": "InProgress",
    "Loading": "InProgress",
    "Loaded": "UpToDate",
    "FailedToLoad": "BlockedByFailedLoad",
}


def initial(old: Object, mode: str) -> Object:
    """The status to go on from; at first everything is unknown."""
    status = copy.deepcopy(old) or {}
    status["deploymentMode"] = mode
    if not status.get("conditions"):
        for kind in NEEDED:
            set_condition(status, kind, "Unknown")
    return status


def set_condition(status: Object, kind: str, value: str, reason: str = "", message: str = "") -> None:
    """Set one condition, and `Ready` after it: false as soon as one that it needs is false."""
    _store(status, kind, value, reason, message)
    conditions = {item["type"]: item for item in status["conditions"]}
    needed = [conditions[kind] for kind in NEEDED if kind in conditions]
    worst = next((item for state in ("False", "Unknown") for item in needed if item["status"] == state), None)
    if worst:
        _store(status, "Ready", worst["status"], worst.get("reason", ""), worst.get("message", ""))
    else:
        _store(status, "Ready", "True" if len(needed) == len(NEEDED) else "Unknown", "", "")


def _store(status: Object, kind: str, value: str, reason: str, message: str) -> None:
    new: Object = {"type": kind, "status": value}
    new |= {key: text for key, text in (("reason", reason), ("message", message)) if text}
    if kind not in {*NEEDED, "Ready"}:
        new["severity"] = "Info"
    others = [item for item in status.get("conditions", []) if item["type"] != kind]
    old: Object = condition(status, kind)
    if {key: text for key, text in old.items() if key != "lastTransitionTime"} == new:
        new = old
    else:
        new["lastTransitionTime"] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status["conditions"] = sorted([*others, new], key=lambda item: str(item["type"]))


def condition(owner: Object, kind: str) -> Object:
    """A condition of a status, or an empty one."""
    return next((item for item in owner.get("conditions", []) if item["type"] == kind), {})


def is_true(owner: Object, kind: str) -> bool:
    """Tell whether a condition of a status is True."""
    return condition(owner, kind).get("status") == "True"


def stopped(old: Object) -> Object:
    """The status of a stopped InferenceService: nothing but that it is stopped."""
    keep = [item for item in old.get("conditions", []) if item["type"] in {*NEEDED, "Stopped", "Ready"}]
    status: Object = {"deploymentMode": old.get("deploymentMode", "Standard"), "conditions": keep}
    for kind in NEEDED:
        set_condition(status, kind, "False", "Stopped")
    set_condition(status, "Stopped", "True")
    return status


def follow_deployment(status: Object, deployment: Object, isvc: Object, settings: Settings) -> None:
    """Turn the Deployment's conditions into PredictorReady; its generation becomes ours."""
    observed = deployment.get("status", {})
    value, source = _predictor_ready(observed)
    set_condition(status, "PredictorReady", value, source.get("reason", ""), source.get("message", ""))
    component = status.setdefault("components", {}).setdefault("predictor", {})
    if value == "True":
        component["url"] = f"http://{hosts(isvc, settings)[1]}"
    if "observedGeneration" in observed:
        status["observedGeneration"] = observed["observedGeneration"]


def _predictor_ready(observed: Object) -> tuple[str, Object]:
    available, progressing = condition(observed, "Available"), condition(observed, "Progressing")
    verdict: tuple[str, Object] = ("True", available) if available.get("status") == "True" else ("False", {})
    if progressing.get("status") == "False":
        verdict = ("False", progressing) if progressing.get("message") else verdict
    elif progressing.get("status") == "True":
        if progressing.get("reason") == "NewReplicaSetAvailable":
            verdict = ("True", progressing)
        elif available.get("status") != "True":
            verdict = ("Unknown", progressing)
    if available.get("status") == "False":
        verdict = ("False", available)
    failure = condition(observed, "ReplicaFailure")
    return ("False", failure) if failure.get("status") == "True" else verdict


def follow_pods(status: Object, pods: list[Object]) -> None:
    """Fill modelStatus: how many pods are ready, and the state of the first one."""
    ready = [pod for pod in pods if pod["status"].get("phase") == "Running" and is_true(pod["status"], "Ready")]
    model = status.setdefault("modelStatus", {})
    model["copies"] = {"failedCopies": 0, "totalCopies": len(ready)}
    if not pods:
        _set_state(model, "Pending")
        return
    first = pods[0]["status"]
    if not _follow(model, first.get("initContainerStatuses", []), "storage-initializer", running="Loading"):
        if is_true(status, "Ready"):
            _set_state(model, "Loaded")
        elif not _follow(model, first.get("containerStatuses", []), CONTAINER, running="Pending"):
            _set_state(model, "Pending")


def _follow(model: Object, containers: list[Object], name: str, running: str) -> bool:
    """Whether this container says what the model's state is."""
    found = next((item for item in containers if item["name"] == name), {})
    state = found.get("state", {})
    if "running" in state and name != CONTAINER:
        _set_state(model, running)
        return True
    failed = None
    if state.get("terminated", {}).get("reason") == "Error":
        failed = state["terminated"]
    elif state.get("waiting", {}).get("reason") == "CrashLoopBackOff":
        failed = found.get("lastState", {}).get("terminated", {})
    if failed is None:
        return False
    _set_state(model, "FailedToLoad")
    info = {"reason": "ModelLoadFailed", "message": failed.get("message"), "exitCode": failed.get("exitCode")}
    model["lastFailureInfo"] = {key: value for key, value in info.items() if value}
    return True


def _set_state(model: Object, state: str) -> None:
    states = model.setdefault("states", {})
    states["targetModelState"] = state
    if state == "Loaded":
        states["activeModelState"] = state
    model["transitionStatus"] = STATE_CHANGES[state]


def follow_ingress(status: Object, isvc: Object, settings: Settings) -> None:
    """Publish the addresses; `url` is there whether or not anything answers at it."""
    name, namespace = predictor_name(isvc), isvc["metadata"]["namespace"]
    status["url"] = f"http://{hosts(isvc, settings)[0]}"
    status["address"] = {"url": f"http://{name}.{namespace}.svc.cluster.local"}
    set_condition(status, "IngressReady", "True")
