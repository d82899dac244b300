"""Tasks of two replicas that share a Redis, through the ingress, while one of their pods is killed."""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import redisserver
from testcluster.e2e import models_claim
from testcluster.e2e.cluster import Cluster
from testcluster.waiting import eventually

READY_SECONDS = 180
REDIS = "tools/redis-server"
TASKS = 60


@pytest.fixture
def models(installed: Cluster, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    """The cluster with our chart, a claim with the examples' models, and a Redis from it."""
    with models_claim.filled(installed, namespace, tmp_path, {REDIS: Path(redisserver.program())}) as found:
        found.apply(*redis_objects(found, namespace), namespace=namespace)
        found.kubectl("wait", "--for=condition=Ready", "pod/redis", "-n", namespace, "--timeout=90s")
        yield found


def redis_objects(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """A Redis, its Service, and the Secret with its URL. The predictor's image has all that the program needs."""
    container = {
        "name": "main",
        "image": cluster.images()["predictor"],
        "command": [
            f"/models/{REDIS}",
            "--appendonly",
            "yes",
            "--protected-mode",
            "no",
            "--dir",
            "/data",
            "--save",
            "",
        ],
        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
        "volumeMounts": [{"name": "models", "mountPath": "/models"}, {"name": "data", "mountPath": "/data"}],
    }
    volumes = [
        {"name": "models", "persistentVolumeClaim": {"claimName": "models"}},
        {"name": "data", "emptyDir": {}},
    ]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "redis", "labels": {"app": "redis"}},
        "spec": {"containers": [container], "volumes": volumes, "securityContext": {"fsGroup": 65532}},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "redis"},
        "spec": {"selector": {"app": "redis"}, "ports": [{"port": 6379}]},
    }
    url = base64.b64encode(f"redis://redis.{namespace}.svc:6379/0".encode()).decode()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis"}, "data": {"url": url}}
    return [pod, service, secret]


def manifest() -> dict[str, Any]:
    limits = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}}
    spec = {
        "model": {"source": {"uri": "pvc://models/sentiment"}},
        "async": {"store": "redis", "redisUrlSecretRef": {"name": "redis"}},
        "serving": {"replicas": {"min": 2}, "resources": limits},
    }
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "queued"}, "spec": spec}


def submit(cluster: Cluster, host: str, number: int) -> str:
    """Submits a task with a key, again and again until it is accepted."""
    body = {"input_ids": [101, 1000 + number, 102], "attention_mask": [1, 1, 1]}
    headers = {"Idempotency-Key": f"{number}-{secrets.token_hex(4)}"}

    def accepted() -> str | None:
        try:
            answer = cluster.http(host, "/predict/async/", "POST", json=body, headers=headers)
        except httpx.HTTPError:
            return None
        return str(answer.json()["task_id"]) if answer.status_code == 202 else None

    return eventually(accepted, 60, f"task {number} is accepted")


def ended(cluster: Cluster, host: str, task_id: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        try:
            answer = cluster.http(host, f"/monitoring/task_status/{task_id}?wait=10")
        except httpx.HTTPError:
            return None
        if answer.status_code >= 500:
            return None
        assert answer.status_code == 200, answer.text
        task: dict[str, Any] = answer.json()
        return None if task["status"] == "pending" else task

    return eventually(found, 90, f"task {task_id} ends")


def test_a_pod_is_killed_while_tasks_are_submitted_and_polled(models: Cluster, namespace: str) -> None:
    models.apply(manifest(), namespace=namespace)
    models.kubectl("wait", "--for=condition=Ready", "gpuxmodel/queued", "-n", namespace, f"--timeout={READY_SECONDS}s")
    model = models.get("gpuxmodel", "queued", namespace)
    host = str(urlsplit(model["status"]["url"]).hostname)
    eventually(lambda: models.http(host, "/health").status_code == 200, 30, "the ingress leads to the model")
    pods = [pod["metadata"]["name"] for pod in models.select("pods", namespace, "gpux.io/model=queued")]
    assert len(pods) == 2

    ids = []
    for number in range(TASKS):
        if number == TASKS // 3:
            models.kubectl("delete", "pod", pods[0], "-n", namespace, "--grace-period=0", "--force")
        ids.append(submit(models, host, number))
    for number, task_id in enumerate(ids):
        task = ended(models, host, task_id)
        assert task["status"] == "success", task
        body = {"input_ids": [101, 1000 + number, 102], "attention_mask": [1, 1, 1]}
        if number % 10 == 0:
            assert task["result"] == models.http(host, "/predict", "POST", json=body).json()
    depth = models.http(host, "/monitoring/queue").json()
    assert (depth["queued"], depth["running"]) == (0, 0)
    assert depth["succeeded"] >= TASKS
