"""KServe in Knative mode, and Knative, as far as objects show them: a Knative Service, its revisions and their Deployments.

As the real ones do it (kserve 0.20, pkg/controller/v1beta1/inferenceservice/reconcilers/knative and PropagateStatus of
inference_service_status.go; knative serving 1.21). Its autoscaler is the test: `replicas` says how many pods a revision that gets
requests has. Services of revisions, routes and the ingress are left out.
"""

from typing import Any

from testcluster.api import Api

Object = dict[str, Any]
KSERVE, SERVING = "serving.kserve.io/v1beta1", "serving.knative.dev/v1"
MODES = {"Knative", "Serverless"}
_OWN = {
    "minReplicas", "maxReplicas", "timeout", "scaleMetric", "scaleTarget", "canaryTrafficPercent",
}  # fmt: skip
"""Fields of `predictor` that are KServe's; the rest is a pod spec."""


class KnativeMode:
    """One namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self.replicas = 1
        self.failing: dict[str, Object] = {}
        """Conditions Ready of revisions that fail, by a value of one of their variables."""

    def deploy(self, isvc: Object) -> None:
        """What comes of an InferenceService, a step further each time."""
        name = f"{isvc['metadata']['name']}-predictor"
        if isvc["metadata"]["annotations"].get("serving.kserve.io/stop") == "true":
            self._stop(isvc, name)
            return
        service = self._apply(_service(isvc, name))
        revisions = self._revisions(service)
        status = _service_status(service, revisions)
        self._say(SERVING, "Service", service, status)
        self._scale(revisions, status)
        self._say(KSERVE, "InferenceService", isvc, _isvc_status(isvc, status))

    def _stop(self, isvc: Object, name: str) -> None:
        """KServe deletes the Knative Service and forgets what it knew of it."""
        for revision in self._api.list(SERVING, "Revision", self._namespace, f"serving.knative.dev/service={name}"):
            own = revision["metadata"]["name"]
            self._api.delete("apps/v1", "Deployment", f"{own}-deployment", self._namespace, propagation="Background")
            self._api.delete(SERVING, "Revision", own, self._namespace)
        if self._api.find(SERVING, "Service", name, self._namespace):
            self._api.delete(SERVING, "Service", name, self._namespace)
        kinds = ("PredictorReady", "IngressReady", "Ready")
        said = [{"type": kind, "status": "False", "reason": "Stopped"} for kind in kinds]
        gone = {field: None for field in ("components", "url", "address") if field in (isvc.get("status") or {})}
        self._say(KSERVE, "InferenceService", isvc, {"conditions": said, **gone})

    def _revisions(self, service: Object) -> list[Object]:
        """All of the Service, oldest first, each with its status; a new one if the template is another one."""
        name, template = service["metadata"]["name"], service["spec"]["template"]
        found = self._api.list(SERVING, "Revision", self._namespace, f"serving.knative.dev/service={name}")
        found.sort(key=lambda item: str(item["metadata"]["name"]))
        if not found or found[-1]["metadata"]["annotations"] != template["metadata"]["annotations"]:
            found.append(self._apply(_revision(service, f"{name}-{len(found) + 1:05}")))
        for revision in found:
            self._say(SERVING, "Revision", revision, {"conditions": [self._readiness(revision)]})
        return [self._api.get(SERVING, "Revision", item["metadata"]["name"], self._namespace) for item in found]

    def _readiness(self, revision: Object) -> Object:
        """Once it was ready it stays so, with pods or without."""
        variables = revision["spec"]["containers"][0]["env"]
        failure = next((self.failing[item["value"]] for item in variables if item.get("value") in self.failing), None)
        if failure is not None:
            return failure
        name = f"{revision['metadata']['name']}-deployment"
        deployment = self._api.find("apps/v1", "Deployment", name, self._namespace) or {}
        ready = is_ready(revision) or (deployment.get("status") or {}).get("availableReplicas", 0) > 0
        return (
            {"type": "Ready", "status": "True"}
            if ready
            else {"type": "Ready", "status": "Unknown", "reason": "Deploying"}
        )

    def _scale(self, revisions: list[Object], status: Object) -> None:
        """A Deployment for each: pods before it is ready, as many as the test says while it gets requests, and none afterwards."""
        routed = {target["revisionName"] for target in status["traffic"]}
        for revision in revisions:
            name = revision["metadata"]["name"]
            wanted = self.replicas if name in routed else 0 if is_ready(revision) else 1
            self._apply(_deployment(revision, wanted))

    def _apply(self, obj: Object) -> Object:
        return self._api.apply(obj, self._namespace, manager="manager")

    def _say(self, api_version: str, kind: str, obj: Object, status: Object) -> None:
        have = obj.get("status") or {}
        if any(have.get(field) != value for field, value in status.items()):
            name = obj["metadata"]["name"]
            self._api.patch(api_version, kind, name, {"status": status}, self._namespace, subresource="status")


def is_ready(revision: Object) -> bool:
    """Whether it can serve."""
    said = (revision.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in said)


def _owner(obj: Object) -> list[Object]:
    fields = {field: obj[field] for field in ("apiVersion", "kind")}
    return [{**fields, "name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"], "controller": True}]


def _service(isvc: Object, name: str) -> Object:
    metadata, predictor = isvc["metadata"], isvc["spec"]["predictor"]
    labels = {**metadata["labels"], "serving.kserve.io/inferenceservice": metadata["name"]}
    annotations = {
        **metadata["annotations"],
        "autoscaling.knative.dev/min-scale": str(predictor["minReplicas"]),
        "autoscaling.knative.dev/max-scale": str(predictor["maxReplicas"]),
    }
    pod = {field: value for field, value in predictor.items() if field not in _OWN}
    before = _component(isvc).get("latestRolledoutRevision")
    share = predictor.get("canaryTrafficPercent")
    traffic: list[Object] = [{"latestRevision": True, "percent": 100}]
    if share is not None and before:
        traffic = [{"latestRevision": True, "percent": share}]
    if share is not None and before and share < 100:
        traffic.append({"latestRevision": False, "revisionName": before, "percent": 100 - share, "tag": "prev"})
    return {
        "apiVersion": SERVING,
        "kind": "Service",
        "metadata": {"name": name, "labels": labels, "ownerReferences": _owner(isvc)},
        "spec": {
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
            "traffic": traffic,
        },
    }


def _revision(service: Object, name: str) -> Object:
    template = service["spec"]["template"]
    labels = {**template["metadata"]["labels"], "serving.knative.dev/service": service["metadata"]["name"]}
    return {
        "apiVersion": SERVING,
        "kind": "Revision",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": _owner(service),
        },
        "spec": template["spec"],
    }


def _deployment(revision: Object, replicas: int) -> Object:
    name = revision["metadata"]["name"]
    chosen = {"serving.knative.dev/revision": name}
    metadata = {
        "labels": {**revision["metadata"]["labels"], **chosen},
        "annotations": revision["metadata"]["annotations"],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{name}-deployment", "ownerReferences": _owner(revision), **metadata},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": chosen},
            "template": {"metadata": metadata, "spec": revision["spec"]},
        },
    }


def _service_status(service: Object, revisions: list[Object]) -> Object:
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    ready = [item["metadata"]["name"] for item in revisions if is_ready(item)]
    traffic = [
        {**target, "revisionName": ready[-1] if target["latestRevision"] else target["revisionName"]}
        for target in service["spec"]["traffic"]
        if ready or not target["latestRevision"]
    ]
    routed = "True" if ready else "Unknown"
    kinds = {"ConfigurationsReady": routed, "RoutesReady": routed, "Ready": routed}
    return {
        "observedGeneration": service["metadata"]["generation"],
        "conditions": [{"type": kind, "status": status} for kind, status in kinds.items()],
        "latestCreatedRevisionName": revisions[-1]["metadata"]["name"],
        "latestReadyRevisionName": ready[-1] if ready else "",
        "traffic": traffic,
        "url": f"http://{name}.{namespace}.example.com",
        "address": {"url": f"http://{name}.{namespace}.svc.cluster.local"},
    }


def _component(isvc: Object) -> Object:
    found: Object = ((isvc.get("status") or {}).get("components") or {}).get("predictor") or {}
    return found


def _isvc_status(isvc: Object, service: Object) -> Object:
    """KServe's copy, and which revision last had all requests."""
    ready, before = service["latestReadyRevisionName"], _component(isvc)
    rolled, earlier = before.get("latestRolledoutRevision", ""), before.get("previousRolledoutRevision", "")
    newest = sum(item["percent"] for item in service["traffic"] if item["latestRevision"])
    whole = sum(item["percent"] for item in service["traffic"] if item["revisionName"] == ready)
    if ready and rolled != ready and newest == 100:
        rolled, earlier = ready, rolled
    elif ready and rolled == ready == service["latestCreatedRevisionName"] and newest < 100 == whole and earlier:
        rolled = earlier
    component = {
        "latestCreatedRevision": service["latestCreatedRevisionName"],
        "latestReadyRevision": ready,
        "latestRolledoutRevision": rolled,
        "previousRolledoutRevision": earlier,
        "traffic": service["traffic"],
    }
    said = {item["type"]: item["status"] for item in service["conditions"]}
    kinds = ("PredictorReady", "IngressReady", "Ready")
    return {
        "deploymentMode": isvc["metadata"]["annotations"]["serving.kserve.io/deploymentMode"],
        "conditions": [{"type": kind, "status": said["Ready"]} for kind in kinds],
        "components": {"predictor": component},
        "url": service["url"].replace("-predictor", ""),
        "address": {"url": service["address"]["url"].replace("-predictor", "")},
    }
