"""KServe's webhooks as pure functions: InferenceServices are checked and filled up, pods get their model's volume."""

import copy
import re
from typing import Any

from .settings import CONTAINER, MODE, NEW_NAMES, SOURCE_URI, STORAGE_READ_ONLY, Settings

Object = dict[str, Any]
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
AUTOSCALERS = {"hpa", "external", "keda", "none"}
BLOCKED_ENV = {"PYTHONPATH"}
MODEL_PATH = "/mnt/models"
INITIALIZER = "storage-initializer"
INITIALIZER_RESOURCES = {
    "limits": {"cpu": "1", "memory": "1Gi"},
    "requests": {"cpu": "100m", "memory": "100Mi"},
}


class RefusedError(Exception):
    """The object is not admitted; the message goes to whoever sent it."""


def inference_service(isvc: Object, settings: Settings) -> Object:
    """The InferenceService as it is stored: its mode by its new name, a named container and all four cpu and memory amounts."""
    isvc = copy.deepcopy(isvc)
    annotations = isvc["metadata"].get("annotations", {})
    if MODE in annotations:
        annotations[MODE] = NEW_NAMES.get(annotations[MODE], annotations[MODE])
    _check(isvc)
    predictor = isvc["spec"]["predictor"]
    containers = predictor.get("containers", [])
    container = containers[0] if containers else predictor.get("model")
    if container is None:
        return isvc
    if len(containers) == 1 or (containers and not container.get("name")):
        container["name"] = CONTAINER
    resources = container.setdefault("resources", {})
    for kind in ("requests", "limits"):
        resources[kind] = {"cpu": settings.cpu, "memory": settings.memory} | resources.get(kind, {})
    return isvc


def _check(isvc: Object) -> None:
    name, predictor = isvc["metadata"]["name"], isvc["spec"]["predictor"]
    if not NAME.fullmatch(name):
        raise RefusedError(f'the InferenceService "{name}" is invalid: regex used for validation is {NAME.pattern!r}')
    if predictor.get("name"):
        raise RefusedError("the 'name' field is not allowed in standard predictor")
    autoscaler = isvc["metadata"].get("annotations", {}).get("serving.kserve.io/autoscalerClass", "hpa")
    if autoscaler not in AUTOSCALERS:
        raise RefusedError(f"[{autoscaler}] is not a supported autoscaler class type")
    if isvc["metadata"].get("annotations", {}).get(MODE) != "Standard" and predictor.get("deploymentStrategy"):
        raise RefusedError("customizing deploymentStrategy is only supported for raw deployment mode")
    containers = [*predictor.get("containers", []), *predictor.get("initContainers", []), predictor.get("model", {})]
    for container in containers:
        if blocked := BLOCKED_ENV & {variable["name"] for variable in container.get("env", [])}:
            raise RefusedError(f"environment variable {', '.join(blocked)} is not allowed in an InferenceService")
    low, high = predictor.get("minReplicas"), predictor.get("maxReplicas", 0)
    if high and low is not None and low > high:
        raise RefusedError("MinReplicas cannot be greater than MaxReplicas.")


def change(old: Object, new: Object) -> None:
    """Refuse another mode than that of the first status."""
    fixed, asked = old.get("status", {}).get("deploymentMode"), new["metadata"].get("annotations", {}).get(MODE)
    if fixed and asked and asked != NEW_NAMES.get(fixed, fixed):
        raise RefusedError(f"update rejected: deploymentMode cannot be changed from '{fixed}' to '{asked}'")


def pod(pod: Object, settings: Settings) -> Object:
    """The pod with its model: a claim is mounted as it is, anything else is fetched by an init container first."""
    annotations = pod["metadata"].get("annotations", {})
    names = {container["name"] for container in pod["spec"].get("initContainers", [])}
    if SOURCE_URI not in annotations or INITIALIZER in names:
        return pod
    pod = copy.deepcopy(pod)
    uri, spec = annotations[SOURCE_URI], pod["spec"]
    container = next(container for container in spec["containers"] if container["name"] == CONTAINER)
    read_only = annotations.get(STORAGE_READ_ONLY, "true") != "false"
    if uri.startswith("pvc://"):
        claim, _, path = uri.removeprefix("pvc://").partition("/")
        volume: Object = {"name": "kserve-pvc-source", "persistentVolumeClaim": {"claimName": claim}}
        sub_path = {"subPath": path} if path else {}
    else:
        volume, sub_path = {"name": "kserve-provision-location", "emptyDir": {}}, {}
        spec.setdefault("initContainers", []).append(_initializer(uri, volume, settings))
    mount = {"name": volume["name"], "mountPath": MODEL_PATH, "readOnly": read_only, **sub_path}
    _add(container, "volumeMounts", mount)
    _add(spec, "volumes", volume)
    for variable in container.get("env", []):
        if variable["name"] == "STORAGE_URI" and variable.get("value"):
            variable["value"] = MODEL_PATH
    return pod


def _add(owner: Object, key: str, item: Object) -> None:
    if all(there["name"] != item["name"] for there in owner.setdefault(key, [])):
        owner[key].append(item)


def _initializer(uri: str, volume: Object, settings: Settings) -> Object:
    """KServe's has no securityContext of its own, whatever the container's is (since v0.14)."""
    return {
        "name": INITIALIZER,
        "image": settings.storage_initializer,
        "imagePullPolicy": "IfNotPresent",
        "args": [uri, MODEL_PATH],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": INITIALIZER_RESOURCES,
        "volumeMounts": [{"name": volume["name"], "mountPath": MODEL_PATH}],
    }
