"""How the pods are reached and scaled: the Service, the Ingress and the autoscaler, as pure functions to manifests."""

from typing import Any

from .children import HTTP_PORT, app_label, hosts, meta, owner, predictor_name
from .settings import CONTAINER, VISIBILITY, Settings

Object = dict[str, Any]
CPU_PERCENT = 80


def service(isvc: Object) -> Object:
    """The Service: port 80 leads to the first port, further ports keep their numbers."""
    containers = sorted(isvc["spec"]["predictor"]["containers"], key=lambda container: container["name"] != CONTAINER)
    declared = containers[0].get("ports") or [{"name": predictor_name(isvc), "containerPort": HTTP_PORT}]
    ports = [_service_port(port, first=number == 0) for number, port in enumerate(declared)]
    spec = {"selector": {"app": app_label(isvc)}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(isvc), "spec": spec}


def _service_port(port: Object, *, first: bool) -> Object:
    number, name = port["containerPort"], port.get("name", "")
    result = {"port": 80 if first else number, "targetPort": number, "protocol": port.get("protocol") or "TCP"}
    h2c = {"appProtocol": "kubernetes.io/h2c"} if "grpc" in name or "h2c" in name else {}
    return result | ({"name": name} if name else {}) | h2c


def horizontal_pod_autoscaler(isvc: Object) -> Object:
    """The autoscaler that is always there unless an annotation forbids it; on CPU unless told memory."""
    predictor = isvc["spec"]["predictor"]
    low = max(1, predictor.get("minReplicas") or 1)
    metric = predictor.get("scaleMetric", "cpu")
    target = {"type": "Utilization", "averageUtilization": predictor.get("scaleTarget", CPU_PERCENT)}
    metrics = [{"type": "Resource", "resource": {"name": metric, "target": target}}]
    if predictor.get("autoScaling"):
        metrics = [
            _resource_metric(item) for item in predictor["autoScaling"].get("metrics", []) if item.get("resource")
        ]
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": predictor_name(isvc)},
        "minReplicas": low,
        "maxReplicas": max(low, predictor.get("maxReplicas") or 0),
        "metrics": metrics,
        "behavior": {},
    }
    kind = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    return {**kind, "metadata": meta(isvc), "spec": spec}


def _resource_metric(metric: Object) -> Object:
    name, target = metric["resource"]["name"], metric["resource"].get("target", {})
    if target.get("type") == "AverageValue":
        kept: Object = {"type": "AverageValue", "averageValue": target["averageValue"]}
    else:
        kept = {"type": "Utilization", "averageUtilization": target.get("averageUtilization", CPU_PERCENT)}
    return {"type": "Resource", "resource": {"name": name, "target": kept}}


def is_internal(isvc: Object) -> bool:
    """Tell whether the model is for the cluster only: no Ingress then."""
    return bool(isvc["metadata"].get("labels", {}).get(VISIBILITY) == "cluster-local")


def ingress(isvc: Object, settings: Settings) -> Object:
    """The Ingress, with both hosts."""
    own = isvc["metadata"]
    backend = {"service": {"name": predictor_name(isvc), "port": {"number": 80}}}
    http = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    spec = {
        "ingressClassName": settings.ingress_class,
        "rules": [{"host": name, "http": http} for name in hosts(isvc, settings)],
    }
    metadata = {
        "name": own["name"],
        "namespace": own["namespace"],
        "annotations": own.get("annotations", {}),
        "ownerReferences": [owner(isvc)],
    }
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
