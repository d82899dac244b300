"""The chart's Redis on a node: tasks of a model go through it, and outlive its pod."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import redisserver
from testcluster.chart import CHART, NAMESPACE, RELEASE
from testcluster.e2e import models_claim, release
from testcluster.e2e.cluster import Cluster
from testcluster.waiting import eventually

Object = dict[str, Any]
REDIS = f"{RELEASE}-redis"
CLAIM = f"data-{REDIS}-0"
PROGRAMS = ("redis-server", "redis-cli")
DOCKERFILE = f"FROM gpux/predictor:0.1.0\nCOPY {' '.join(PROGRAMS)} /usr/local/bin/\n"
"""A Redis with a shell, as the chart wants it; our base is a Debian, too."""
BODY = {"input_ids": [101, 1045, 2293, 2023, 102], "attention_mask": [1, 1, 1, 1, 1]}


@pytest.fixture
def models(models: Cluster, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    """The cluster with the chart's Redis, whose URL is in the test's namespace too."""
    if not models.takes_images:
        pytest.skip(f"a {models.kind} cluster takes no image from here")
    context, disk = tmp_path / "redis", tmp_path / "disk"
    for folder in (context, disk):
        folder.mkdir()
    for program in PROGRAMS:
        shutil.copy(Path(redisserver.program()).with_name(program), context)
    (context / "Dockerfile").write_text(DOCKERFILE)
    repository, _, tag = models.image_on_predictor(context).rpartition(":")
    models_claim.provide(models, NAMESPACE, disk, CLAIM)
    image = ["--set", f"redis.image.repository={repository}", "--set", f"redis.image.tag={tag}"]
    options = ["--namespace", NAMESPACE, "--reset-then-reuse-values", "--set", "redis.enabled=true", *image]
    # the size of the volume that our node gives
    options += ["--set", f"redis.namespaces={{{namespace}}}", "--set", "redis.storage.size=64Mi"]
    try:
        models.helm("upgrade", RELEASE, CHART, *options, "--wait", "--timeout", "2m")
        yield models
    finally:
        release.install(models)
        models.kubectl("delete", "persistentvolumeclaim", CLAIM, "-n", NAMESPACE, "--ignore-not-found")
        models_claim.remove_volume(models, NAMESPACE, CLAIM)


def manifest() -> Object:
    limits = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}}
    spec = {
        "model": {"source": {"uri": "pvc://models/sentiment"}},
        "async": {"store": "redis", "redisUrlSecretRef": {"name": "gpux-redis", "key": "url"}},
        "serving": {"resources": limits},
    }
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "queued"}, "spec": spec}


def test_tasks_outlive_the_pod_of_the_charts_redis(models: Cluster, namespace: str) -> None:
    models.apply(manifest(), namespace=namespace)
    models.kubectl("wait", "--for=condition=Ready", "gpuxmodel/queued", "-n", namespace, "--timeout=180s")
    host = str(urlsplit(models.get("gpuxmodel", "queued", namespace)["status"]["url"]).hostname)

    def submitted() -> str:
        answer = models.http(host, "/predict/async/", "POST", json=BODY)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def succeeded(task_id: str) -> Object:
        answer = models.http(host, f"/monitoring/task_status/{task_id}?wait=10")
        assert answer.json()["status"] == "success", answer.text
        return dict(answer.json())

    task_id = eventually(submitted, 60, "a task is accepted")
    result = eventually(lambda: succeeded(task_id), 60, "it is run")
    assert result["result"] == models.http(host, "/predict", "POST", json=BODY).json()

    pod = models.get("pod", f"{REDIS}-0", NAMESPACE)["metadata"]["uid"]
    models.kubectl("delete", "pod", f"{REDIS}-0", "-n", NAMESPACE, "--grace-period=0", "--force")
    eventually(lambda: models.get("pod", f"{REDIS}-0", NAMESPACE)["metadata"]["uid"] != pod, 60, "another pod is made")
    assert eventually(lambda: succeeded(task_id), 90, "the task of before is still known") == result
    eventually(lambda: succeeded(submitted()), 60, "a new one is run")
