"""Pods as KServe and Knative make them of what the operator writes, for clusters without either."""

from collections.abc import Mapping
from pathlib import Path

from gpux_operator.build.inference_service import Images, Platform
from gpux_operator.render import render
from testcluster.api import Api, Object

QUEUE_PROXY = {
    "name": "queue-proxy",
    "image": "queue",
    "ports": [
        {"name": "http-queueadm", "containerPort": 8022},
        {"name": "http-autometric", "containerPort": 9090},
        {"name": "http-usermetric", "containerPort": 9091},
        {"name": "queue-port", "containerPort": 8012},
    ],
}
"""Knative's own container of each pod (its pkg/reconciler/revision/resources/queue.go)."""


def inference_service(manifest: Path, namespace: str) -> Object:
    """What the operator makes of the GpuxModel in this file."""
    children, problems = render([manifest], namespace, Platform(Images("predictor:test")))
    assert problems == []
    [service] = [item for item in children if item["kind"] == "InferenceService"]
    return service


def serving_pod(manifest: Path, namespace: str, *, address: str = "127.0.0.1", knative: bool = False) -> Object:
    """A pod of the GpuxModel in this file: the labels and the containers of its InferenceService, at this address."""
    service = inference_service(manifest, namespace)
    name, predictor = service["metadata"]["name"], service["spec"]["predictor"]
    containers = predictor["containers"]
    if knative:
        [port] = containers[0]["ports"]
        containers = [{**containers[0], "ports": [{**port, "name": "user-port"}]}, QUEUE_PROXY]
    labels = {
        **service["metadata"]["labels"],
        "serving.kserve.io/inferenceservice": name,
        "app": f"isvc.{name}-predictor",
    }
    spec = {"containers": containers, "volumes": predictor.get("volumes", [])}
    return pod(f"{name}-predictor-0", namespace, labels, spec, address)


def pod(name: str, namespace: str, labels: Mapping[str, str], spec: Mapping[str, object], address: str) -> Object:
    """A running pod at this address."""
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": dict(spec), "status": status}


def run(api: Api, made: Object) -> Object:
    """Stores the pod, and its status as a kubelet would; the answer is what the API server keeps."""
    stored = api.create({key: value for key, value in made.items() if key != "status"})
    where = (stored["metadata"]["name"], {"status": made["status"]}, stored["metadata"]["namespace"])
    return api.patch("v1", "Pod", *where, subresource="status")
