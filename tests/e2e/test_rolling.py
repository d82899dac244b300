"""Callers notice nothing while pods are replaced or deleted; a suspended model holds no pod and comes back where it was."""

import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from testcluster.e2e.cluster import Cluster
from testcluster.e2e.load import RATE, Load
from testcluster.errors import ClusterError
from testcluster.waiting import eventually

READY_SECONDS = 180
BODY = {"input_ids": [101, 1045, 2293, 2023, 102], "attention_mask": [1, 1, 1, 1, 1]}
PATCH = ["--type=merge", "-p"]


def manifest(name: str, replicas: int) -> dict[str, Any]:
    limits = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}}
    spec = {
        "model": {"source": {"uri": "pvc://models/sentiment"}, "version": "1"},
        "serving": {"replicas": {"min": replicas}, "resources": limits},
    }
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": name}, "spec": spec}


def ready(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """The model, once its newest generation serves."""

    def probe() -> dict[str, Any] | None:
        model = cluster.get("gpuxmodel", name, namespace)
        status = model.get("status", {})
        [found] = [item for item in status.get("conditions", ()) if item["type"] == "Ready"] or [{}]
        newest = status.get("observedGeneration") == model["metadata"]["generation"]
        return model if newest and found.get("status") == "True" else None

    return eventually(probe, READY_SECONDS, f"{name} is ready")


def patch(cluster: Cluster, namespace: str, name: str, spec: dict[str, Any]) -> None:
    cluster.kubectl("patch", "gpuxmodel", name, "-n", namespace, *PATCH, json.dumps({"spec": spec}))


def pods(cluster: Cluster, namespace: str, name: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in cluster.select("pods", namespace, f"gpux.io/model={name}")]


def wait_until_gone(cluster: Cluster, namespace: str, pod: str) -> None:
    def gone() -> bool:
        return pod not in [found["metadata"]["name"] for found in cluster.select("pods", namespace)]

    eventually(gone, 60, f"pod {pod} has gone")


def base_url(cluster: Cluster, namespace: str, name: str, way: str) -> str:
    if way == "ingress":
        return f"http://{cluster.ingress}"
    address = cluster.get("service", f"{name}-predictor", namespace)["spec"].get("clusterIP", "None")
    if cluster.kind != "native" or address == "None":
        pytest.skip("the address of a Service leads nowhere from here")
    return f"http://{address}"


@pytest.mark.parametrize("way", ["ingress", "service"])
def test_no_request_is_lost(models: Cluster, namespace: str, way: str) -> None:
    """The ingress chooses a pod for each request; over a Service connections stay with a pod until it closes them."""
    models.apply(manifest("rolling", 2), namespace=namespace)
    host = str(urlsplit(ready(models, namespace, "rolling")["status"]["url"]).hostname)
    eventually(
        lambda: models.http(host, "/predict", "POST", json=BODY).status_code == 200, 30, "the ingress leads to it"
    )
    load = Load(models, base_url(models, namespace, "rolling", way), host, BODY)
    with load.running():
        time.sleep(2)
        patch(models, namespace, "rolling", {"model": {"version": "2"}})
        ready(models, namespace, "rolling")
        eventually(lambda: len(pods(models, namespace, "rolling")) == 2, 90, "the old pods have gone")
        [first, _] = pods(models, namespace, "rolling")
        models.kubectl("delete", "pod", first, "-n", namespace)  # comes back when the pod has gone
        wait_until_gone(models, namespace, first)
        ready(models, namespace, "rolling")
    assert set(load.outcomes) == {"200"}, load.outcomes
    assert load.outcomes["200"] > 10 * RATE
    assert models.http(host, "/info").json()["version"] == "2"


def evict(cluster: Cluster, namespace: str, pod: str) -> str:
    """Asks for a pod to leave as `kubectl drain` does; what refuses it, or nothing."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    try:
        cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
    except ClusterError as refusal:
        return str(refusal)
    return ""


def test_one_pod_at_a_time_is_evicted_and_no_request_is_lost(models: Cluster, namespace: str) -> None:
    models.apply(manifest("kept", 2), namespace=namespace)
    host = str(urlsplit(ready(models, namespace, "kept")["status"]["url"]).hostname)
    eventually(
        lambda: models.http(host, "/predict", "POST", json=BODY).status_code == 200, 30, "the ingress leads there"
    )
    load = Load(models, f"http://{models.ingress}", host, BODY)
    with load.running():
        for _ in range(2):
            first, second = pods(models, namespace, "kept")
            eventually(lambda: budget(models, namespace, "kept") == 1, 60, "one pod may leave")
            assert evict(models, namespace, first) == ""
            assert "violate the pod's disruption budget" in evict(models, namespace, second)
            wait_until_gone(models, namespace, first)
    assert set(load.outcomes) == {"200"}, load.outcomes


def budget(cluster: Cluster, namespace: str, name: str) -> int:
    """How many pods of a model may leave now."""
    status = cluster.get("poddisruptionbudget", name, namespace).get("status", {})
    return int(status.get("disruptionsAllowed", 0))


def test_one_replica_has_no_budget(models: Cluster, namespace: str) -> None:
    """It would let nobody drain a node."""
    models.apply(manifest("kept", 2), namespace=namespace)
    ready(models, namespace, "kept")
    models.kubectl("scale", "gpuxmodel/kept", "-n", namespace, "--replicas=1")
    budgets = "poddisruptionbudgets", namespace, "gpux.io/model=kept"
    eventually(lambda: not models.select(*budgets), 60, "it has gone")


def test_suspended_and_back(models: Cluster, namespace: str) -> None:
    models.apply(manifest("resting", 1), namespace=namespace)
    url = ready(models, namespace, "resting")["status"]["url"]
    host = str(urlsplit(url).hostname)
    patch(models, namespace, "resting", {"suspend": True})
    models.kubectl("wait", "--for=jsonpath={.status.replicas}=0", "gpuxmodel/resting", "-n", namespace, "--timeout=60s")
    eventually(lambda: not pods(models, namespace, "resting"), 90, "no pod is left")
    [found] = [
        item
        for item in models.get("gpuxmodel", "resting", namespace)["status"]["conditions"]
        if item["type"] == "Ready"
    ]
    assert (found["status"], found["reason"]) == ("False", "Suspended")
    eventually(
        lambda: models.http(host, "/predict", "POST", json=BODY).status_code in {404, 503}, 30, "nothing answers"
    )
    patch(models, namespace, "resting", {"suspend": False})
    assert ready(models, namespace, "resting")["status"]["url"] == url
    eventually(lambda: models.http(host, "/predict", "POST", json=BODY).status_code == 200, 30, "it answers again")
