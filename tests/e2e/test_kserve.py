"""KServe in Standard mode, real or stand-in: what the operator relies on, and what it has to work around."""

from functools import partial
from typing import Any

import pytest

from testcluster.e2e.cluster import Cluster
from testcluster.errors import ClusterError
from testcluster.native.layout import BUSYBOX_IMAGE
from testcluster.waiting import eventually

Object = dict[str, Any]
SOON = 90.0
STANDARD = {"serving.kserve.io/deploymentMode": "Standard"}
SERVE = "mkdir /tmp/www && echo hello >/tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"
SMALL: Object = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}}
CHILDREN = "deployment,service,horizontalpodautoscaler,ingress"


@pytest.fixture
def kserve(cluster: Cluster) -> Cluster:
    if not cluster.has_busybox:
        pytest.skip(f"only our own node has the image {BUSYBOX_IMAGE}; this is a {cluster.kind} cluster")
    return cluster


def isvc(name: str = "model", annotations: Object | None = None, **container: Any) -> Object:
    """One that fits beside others on a small node: without `resources` KServe would ask for a whole CPU a pod."""
    main: Object = {"name": "kserve-container", "image": BUSYBOX_IMAGE, "command": ["sh", "-c", SERVE]}
    main |= {"ports": [{"containerPort": 8080}], "resources": SMALL, **container}
    metadata = {"name": name, "labels": {"team": "a"}, "annotations": STANDARD | {"note": "b"} | (annotations or {})}
    spec = {"predictor": {"containers": [main], "terminationGracePeriodSeconds": 0}}
    return {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": spec}


def conditions(kserve: Cluster, namespace: str, name: str = "model") -> Object:
    status = kserve.get("inferenceservice", name, namespace).get("status", {})
    return {item["type"]: item for item in status.get("conditions", [])}


def _is_ready(kserve: Cluster, namespace: str) -> bool:
    """Whether it is; what stands in the way otherwise, as the error that `eventually` shows in the end."""
    found = conditions(kserve, namespace)
    if found["Ready"]["status"] != "True":
        pods = [pod["status"].get("conditions") for pod in kserve.select("pod", namespace)]
        raise AssertionError(f"{found['Ready'].get('message', found)}; its pods: {pods}")
    return True


def wait_ready(kserve: Cluster, namespace: str) -> Object:
    eventually(partial(_is_ready, kserve, namespace), SOON, "the InferenceService is Ready")
    return kserve.get("inferenceservice", "model", namespace)


def test_children_status_and_traffic(kserve: Cluster, namespace: str) -> None:
    kserve.apply(isvc(resources={}), namespace=namespace)
    found = wait_ready(kserve, namespace)
    resources = found["spec"]["predictor"]["containers"][0]["resources"]
    assert resources == {"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"cpu": "1", "memory": "2Gi"}}
    status = found["status"]
    assert status["url"] == f"http://model-{namespace}.example.com"
    assert status["address"]["url"] == f"http://model-predictor.{namespace}.svc.cluster.local"
    assert status["components"]["predictor"]["url"] == f"http://model-predictor-{namespace}.example.com"
    deployment = kserve.get("deployment", "model-predictor", namespace)
    assert status["observedGeneration"] == deployment["status"]["observedGeneration"]
    template = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == {"app": "isvc.model-predictor"}
    assert template["metadata"]["labels"]["serving.kserve.io/inferenceservice"] == "model"
    assert template["metadata"]["labels"]["team"] == "a"
    assert template["metadata"]["annotations"]["note"] == "b"
    assert template["spec"]["containers"][0]["readinessProbe"]["tcpSocket"] == {"port": 8080}
    assert kserve.get("hpa", "model-predictor", namespace)["spec"]["minReplicas"] == 1
    for host in (status["url"], status["components"]["predictor"]["url"]):
        name = host.removeprefix("http://")
        eventually(partial(_greets, kserve, name), SOON, f"{name} answers")
    eventually(lambda: _loaded(kserve, namespace), SOON, "the model counts as loaded")


def _greets(kserve: Cluster, host: str) -> bool:
    return kserve.http(host).text == "hello\n"


def _loaded(kserve: Cluster, namespace: str) -> bool:
    model = kserve.get("inferenceservice", "model", namespace)["status"]["modelStatus"]
    return bool(model["transitionStatus"] == "UpToDate" and model["copies"]["totalCopies"] == 1)


def test_applying_the_same_again_changes_nothing(kserve: Cluster, namespace: str) -> None:
    kserve.apply(isvc(), namespace=namespace)
    wait_ready(kserve, namespace)
    eventually(lambda: _loaded(kserve, namespace), SOON, "the status has settled")
    before = kserve.get("inferenceservice", "model", namespace)["metadata"]
    kserve.apply(isvc(), namespace=namespace)
    after = kserve.get("inferenceservice", "model", namespace)["metadata"]
    assert (after["generation"], after["resourceVersion"]) == (before["generation"], before["resourceVersion"])


def test_stop_and_go_and_garbage(kserve: Cluster, namespace: str) -> None:
    kserve.apply(isvc(), namespace=namespace)
    wait_ready(kserve, namespace)
    kserve.apply(isvc(annotations={"serving.kserve.io/stop": "true"}), namespace=namespace)
    eventually(lambda: conditions(kserve, namespace)["Stopped"]["status"] == "True", SOON, "it is stopped")
    eventually(lambda: not kserve.select(CHILDREN, namespace), SOON, "its children are gone")
    assert conditions(kserve, namespace)["PredictorReady"]["reason"] == "Stopped"
    kserve.apply(isvc(), namespace=namespace)
    wait_ready(kserve, namespace)
    kserve.kubectl("delete", "inferenceservice", "model", "--namespace", namespace)
    eventually(lambda: not kserve.select(CHILDREN, namespace), SOON, "its children are collected")


def test_no_autoscaler_and_no_ingress_when_told(kserve: Cluster, namespace: str) -> None:
    made = isvc(annotations={"serving.kserve.io/autoscalerClass": "none"})
    made["metadata"]["labels"]["networking.kserve.io/visibility"] = "cluster-local"
    made["spec"]["predictor"] |= {"minReplicas": 2, "deploymentStrategy": {"type": "Recreate"}}
    kserve.apply(made, namespace=namespace)
    wait_ready(kserve, namespace)
    deployment = kserve.get("deployment", "model-predictor", namespace)["spec"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (2, "Recreate")
    assert not kserve.select("hpa,ingress", namespace)


def test_what_kserve_refuses(kserve: Cluster, namespace: str) -> None:
    with pytest.raises(ClusterError, match="PYTHONPATH"):
        kserve.apply(isvc(env=[{"name": "PYTHONPATH", "value": "/x"}]), namespace=namespace)
    kserve.apply(isvc("a" * 48), namespace=namespace)  # too long with this namespace: found out late
    ready = partial(conditions, kserve, namespace, "a" * 48)
    eventually(lambda: ready()["PredictorReady"]["reason"] == "ReconcileFailed", SOON, "the name is too long")


def test_modes_by_their_names(kserve: Cluster, namespace: str) -> None:
    """The old name is stored as the new one; a strategy goes with Standard only, and the mode of the first status stays."""
    mode = "serving.kserve.io/deploymentMode"
    made = isvc(annotations={mode: "RawDeployment"})
    made["spec"]["predictor"]["deploymentStrategy"] = {"type": "Recreate"}
    kserve.apply(made, namespace=namespace)
    assert kserve.get("inferenceservice", "model", namespace)["metadata"]["annotations"][mode] == "Standard"
    assert wait_ready(kserve, namespace)["status"]["deploymentMode"] == "Standard"
    with pytest.raises(ClusterError, match="deploymentStrategy is only supported for raw deployment mode"):
        kserve.apply(made | {"metadata": isvc("other", {mode: "Knative"})["metadata"]}, namespace=namespace)
    with pytest.raises(ClusterError, match="deploymentMode cannot be changed from 'Standard' to 'Knative'"):
        kserve.apply(isvc(annotations={mode: "Knative"}), namespace=namespace)


def test_models_from_a_claim_and_by_download(kserve: Cluster, namespace: str) -> None:
    read: Object = {"command": ["sh", "-c", f"cat $STORAGE_URI/index.html; ls -d /mnt/models; {SERVE}"]}
    kserve.apply(isvc(), namespace=namespace)
    wait_ready(kserve, namespace)
    url = f"http://model-predictor.{namespace}/index.html"
    kserve.apply(isvc("fetched", env=[{"name": "STORAGE_URI", "value": url}], **read), namespace=namespace)
    logs = ["logs", "--namespace", namespace, "deployment/fetched-predictor"]
    eventually(lambda: kserve.kubectl(*logs) == "hello\n/mnt/models\n", SOON, "the file was fetched")
    kserve.apply(
        isvc("claimed", env=[{"name": "STORAGE_URI", "value": "pvc://claim/sub"}], **read), namespace=namespace
    )
    pods = partial(kserve.select, "pod", namespace, "app=isvc.claimed-predictor")
    pod = eventually(pods, SOON, "its pod is there")[0]["spec"]
    mount = next(item for item in pod["containers"][0]["volumeMounts"] if item["mountPath"] == "/mnt/models")
    assert (mount["subPath"], mount["readOnly"]) == ("sub", True)
    assert "initContainers" not in pod
