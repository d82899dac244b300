"""What KServe makes of an InferenceService in Standard mode, as pure functions to manifests."""

import copy
import re
from typing import Any

from .settings import (
    API_VERSION,
    AUTOSCALER,
    CONTAINER,
    ISVC_LABEL,
    KIND,
    SOURCE_URI,
    WITHHELD_ANNOTATIONS,
    Settings,
    host,
)

Object = dict[str, Any]
HTTP_PORT = 8080
PREFIXES = (
    "gs://", "s3://", "pvc://", "file://", "https://", "http://", "hdfs://", "webhdfs://",
    "oci://", "oci+native://", "oci+fetch://", "hf://",
)  # fmt: skip
# fields of `predictor` that are KServe's own; the rest is a pod spec
NOT_POD = {
    "minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "autoScaling", "containerConcurrency", "timeout",
    "canaryTrafficPercent", "logger", "batcher", "labels", "annotations", "deploymentStrategy", "model", "storageUris",
    "workerSpec", "name", "storageContainerName", "confidential",
}  # fmt: skip
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class ReconcileError(Exception):
    """KServe cannot make children of this; it says so in the status and an event, and tries again."""


def predictor_name(isvc: Object) -> str:
    """The name of the Deployment, Service and autoscaler."""
    return f"{isvc['metadata']['name']}-predictor"


def app_label(isvc: Object) -> str:
    """The value of the label `app` that the Deployment and Service select pods by."""
    return f"isvc.{predictor_name(isvc)}"


def autoscaler(isvc: Object) -> str:
    """Who scales: `hpa` unless an annotation says otherwise."""
    return str(isvc["metadata"].get("annotations", {}).get(AUTOSCALER, "hpa"))


def hosts(isvc: Object, settings: Settings) -> tuple[str, str]:
    """The two names that the model has outside the cluster; too long ones are found out only here."""
    name, namespace = isvc["metadata"]["name"], isvc["metadata"]["namespace"]
    found = host(name, namespace, settings), host(predictor_name(isvc), namespace, settings)
    for candidate in found:
        if not all(LABEL.fullmatch(label) for label in candidate.split(".")):
            raise ReconcileError(
                f'fails to create NewRawKubeReconciler for predictor: failed creating host name: invalid domain name "'
                f'{candidate}": url: Invalid value: "{candidate}": must be no more than 63 characters'
            )
    return found


def meta(isvc: Object, *, source: str | None = None) -> Object:
    """Metadata of the children: all labels and nearly all annotations of the InferenceService."""
    own, predictor = isvc["metadata"], isvc["spec"]["predictor"]
    annotations = own.get("annotations", {}) | predictor.get("annotations", {})
    kept = {key: value for key, value in annotations.items() if key not in WITHHELD_ANNOTATIONS}
    labels = own.get("labels", {}) | predictor.get("labels", {})
    named = {ISVC_LABEL: own["name"], "component": "predictor", "app": app_label(isvc)}
    return {
        "name": predictor_name(isvc),
        "namespace": own["namespace"],
        "labels": labels | named,
        "annotations": kept | ({SOURCE_URI: source} if source else {}),
        "ownerReferences": [owner(isvc)],
    }


def owner(isvc: Object) -> Object:
    """The reference by which the garbage collector knows a child."""
    own = isvc["metadata"]
    identity = {"apiVersion": API_VERSION, "kind": KIND, "name": own["name"], "uid": own["uid"]}
    return identity | {"controller": True, "blockOwnerDeletion": True}


def deployment(isvc: Object) -> Object:
    """The Deployment. Without an autoscaler of its own it leaves the replicas to whoever scales."""
    predictor = isvc["spec"]["predictor"]
    pod = _pod_spec(isvc)
    metadata = meta(isvc, source=_source(pod))
    template = {key: metadata[key] for key in ("labels", "annotations")}
    spec: Object = {
        "selector": {"matchLabels": {"app": app_label(isvc)}},
        "template": {"metadata": template, "spec": pod},
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 10,
        "strategy": predictor.get("deploymentStrategy") or _spread("25%", "25%"),
    }
    if autoscaler(isvc) == "none" and "minReplicas" in predictor:
        spec["replicas"] = predictor["minReplicas"]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _spread(surge: str, unavailable: str) -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def _source(pod: Object) -> str | None:
    for container in pod["containers"]:
        for variable in container.get("env", []):
            if container["name"] == CONTAINER and variable["name"] == "STORAGE_URI":
                uri = str(variable.get("value", ""))
                if "://" in uri and not uri.startswith(PREFIXES):
                    raise ReconcileError(f"StorageURI not supported: must be one of: [{', '.join(PREFIXES)}]: [{uri}]")
                return uri
    return None


def _pod_spec(isvc: Object) -> Object:
    predictor = isvc["spec"]["predictor"]
    pod = copy.deepcopy({key: value for key, value in predictor.items() if key not in NOT_POD})
    pod = {"terminationGracePeriodSeconds": 30, "securityContext": {}} | pod
    # the model server comes first: the Service leads to the first container's first port
    pod["containers"].sort(key=lambda container: container["name"] != CONTAINER)
    for container in pod["containers"]:
        name = {"name": "INFERENCE_SERVICE_NAME", "value": isvc["metadata"]["name"]}
        others = [variable for variable in container.get("env", []) if variable["name"] != name["name"]]
        container["env"] = [*others, name]
        container.setdefault("imagePullPolicy", "IfNotPresent")
        if container["name"] == CONTAINER:
            container.setdefault("readinessProbe", _probe(container))
    return pod


def _probe(container: Object) -> Object:
    port = container["ports"][0]["containerPort"] if container.get("ports") else HTTP_PORT
    times = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    return {"tcpSocket": {"port": port}, **times}
