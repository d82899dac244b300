"""What the project is for: a manifest is applied, a model answers through the ingress, and the status tells the truth."""

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import onnxruntime
import pytest

from testcluster.e2e.cluster import Cluster
from testcluster.e2e.models_claim import EXAMPLES
from testcluster.errors import ClusterError
from testcluster.waiting import eventually

READY_SECONDS = 180
CHILDREN = "inferenceservices,deployments,replicasets,pods,services,ingresses,configmaps,horizontalpodautoscalers"


def test_helm_test_says_that_the_cluster_can_serve(installed: Cluster) -> None:
    said = installed.helm("test", "gpux", "--namespace", "gpux-system", "--timeout", "3m")
    assert "Phase:          Succeeded" in said
    assert installed.select("pods", "gpux-system", "app.kubernetes.io/component!=operator") == []


def apply_example(cluster: Cluster, namespace: str, name: str) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", str(EXAMPLES / name / "gpuxmodel.yaml"))


def wait_ready(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    try:
        cluster.kubectl(
            "wait", "--for=condition=Ready", f"gpuxmodel/{name}", "-n", namespace, f"--timeout={READY_SECONDS}s"
        )
    except ClusterError as error:
        state = cluster.kubectl("get", "gpuxmodel,isvc,deploy,pods,events", "-n", namespace, "-o", "wide")
        raise AssertionError(f"{name} did not become ready:\n{state}") from error
    return cluster.get("gpuxmodel", name, namespace)


def condition(model: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in model["status"]["conditions"] if item["type"] == kind)
    return found


def host_of(model: dict[str, Any]) -> str:
    return str(urlsplit(model["status"]["url"]).hostname)


def predict(cluster: Cluster, host: str, body: object) -> dict[str, Any]:
    def answered() -> dict[str, Any] | None:
        answer = cluster.http(host, "/predict", "POST", json=body)
        return answer.json() if answer.status_code == 200 else None

    return eventually(answered, 30, f"{host} answers through the ingress")


def spec(name: str, **more: Any) -> dict[str, Any]:
    source = {"uri": "pvc://models/sentiment"}
    limits = {"resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}}}
    body = {"model": {"source": source}, "serving": limits, **more}
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": name}, "spec": body}


def test_from_a_manifest_to_a_prediction_and_away(models: Cluster, namespace: str) -> None:
    before = models.kubectl("get", CHILDREN, "-n", namespace, "-o", "name").split()
    apply_example(models, namespace, "sentiment")
    model = wait_ready(models, namespace, "sentiment")

    body = {"input_ids": [[101, 1045, 2293, 2023, 102], [101, 1045, 5223, 2023, 102]], "attention_mask": [[1] * 5] * 2}
    session = onnxruntime.InferenceSession(EXAMPLES / "sentiment" / "model.onnx", providers=["CPUExecutionProvider"])
    [expected] = session.run(None, {name: np.array(value) for name, value in body.items()})
    found = predict(models, host_of(model), body)
    np.testing.assert_allclose(found["logits"], expected, atol=1e-6)

    described = eventually(
        lambda: models.get("gpuxmodel", "sentiment", namespace)["status"].get("model"), 30, "the predictor was asked"
    )
    assert described["sha256"] == hashlib.sha256((EXAMPLES / "sentiment" / "model.onnx").read_bytes()).hexdigest()
    assert [tensor["name"] for tensor in described["inputs"]] == [tensor.name for tensor in session.get_inputs()]
    header, row = models.kubectl("get", "gpuxmodel", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "READY", "REASON", "REPLICAS", "PROVIDER", "URL", "AGE"]
    cells = ["sentiment", "True", condition(model, "Ready")["reason"], "1", "CPUExecutionProvider"]
    assert row.split()[:6] == [*cells, model["status"]["url"]]
    assert {item["type"]: item["status"] for item in model["status"]["conditions"]} == dict.fromkeys(
        ("Accepted", "ModelLoaded", "Available", "Ready"), "True"
    )

    models.kubectl("delete", "gpuxmodel", "sentiment", "-n", namespace)
    eventually(
        lambda: models.kubectl("get", CHILDREN, "-n", namespace, "-o", "name").split() == before,
        90,
        "nothing is left of the model",
    )


def test_an_image_model_and_the_address_inside_the_cluster(models: Cluster, namespace: str) -> None:
    apply_example(models, namespace, "digits")
    model = wait_ready(models, namespace, "digits")
    image = np.random.default_rng(1).random((1, 1, 8, 8), dtype=np.float32)
    session = onnxruntime.InferenceSession(EXAMPLES / "digits" / "model.onnx", providers=["CPUExecutionProvider"])
    [expected] = session.run(None, {"image": image})
    found = predict(models, host_of(model), {"image": image.tolist()})
    np.testing.assert_allclose(found["probabilities"], expected[0], atol=1e-6)
    assert model["status"]["address"]["url"] == f"http://digits-predictor.{namespace}.svc.cluster.local"


def test_an_update_rolls_the_pods_and_scaling_does_not(models: Cluster, namespace: str) -> None:
    models.apply(spec("changing"), namespace=namespace)
    host = host_of(wait_ready(models, namespace, "changing"))
    change = {"spec": {"model": {"version": "2.0.0"}}}
    models.kubectl("patch", "gpuxmodel", "changing", "-n", namespace, "--type=merge", "-p", json.dumps(change))
    eventually(
        lambda: models.get("gpuxmodel", "changing", namespace)["status"]["observedGeneration"] == 2,
        30,
        "the change is seen",
    )
    wait_ready(models, namespace, "changing")
    eventually(lambda: models.http(host, "/info").json()["version"] == "2.0.0", 30, "the new version answers")
    eventually(lambda: len(model_objects(models, namespace, "configmaps")) == 1, 60, "the old configuration is removed")

    [first] = model_objects(models, namespace, "pods")
    models.kubectl("scale", "gpuxmodel/changing", "-n", namespace, "--replicas=2")
    eventually(
        lambda: models.get("gpuxmodel", "changing", namespace)["status"].get("readyReplicas") == 2,
        120,
        "two replicas are ready",
    )
    assert first in model_objects(models, namespace, "pods")


def model_objects(cluster: Cluster, namespace: str, kind: str) -> list[str]:
    """The names of the model's objects that are not on their way out."""
    found = cluster.select(kind, namespace, "gpux.io/model=changing")
    return [item["metadata"]["name"] for item in found if "deletionTimestamp" not in item["metadata"]]


def test_one_gpu_for_two_models(models: Cluster, namespace: str) -> None:
    if not models.can_fake_gpus:
        pytest.skip(f"the GPUs of a {models.kind} cluster are not ours to change")
    models.set_gpus(1)
    gpu = {"runtime": {"gpu": {"count": 1}}}
    models.apply(spec("first", **gpu), namespace=namespace)

    def pod_of(name: str) -> dict[str, Any]:
        return models.select("pods", namespace, f"gpux.io/model={name}")[0]

    eventually(lambda: pod_of("first")["spec"].get("nodeName"), 60, "the first model's pod is on the node")
    [container] = pod_of("first")["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"

    models.apply(spec("second", **gpu), namespace=namespace)

    def unschedulable() -> dict[str, Any] | None:
        found = condition(models.get("gpuxmodel", "second", namespace), "Ready")
        return found if found["reason"] == "Unschedulable" else None

    found = eventually(unschedulable, 60, "the second model says that it cannot be scheduled")
    assert found["status"] == "False"
    assert "Insufficient nvidia.com/gpu" in found["message"]
    # the fake GPU runs nothing: the first model says so instead of serving from the CPU
    eventually(
        lambda: condition(models.get("gpuxmodel", "first", namespace), "Ready")["reason"] == "ProviderUnavailable",
        90,
        "the first model says that its GPU runs nothing",
    )
    models.set_gpus(0)


def test_other_sources_go_through_the_storage_initializer(models: Cluster, namespace: str) -> None:
    manifest = spec("remote")
    manifest["spec"]["model"]["source"]["uri"] = "s3://no-such-bucket/model"
    models.apply(manifest, namespace=namespace)

    def initializer() -> Any:
        [pod] = models.select("pods", namespace, "gpux.io/model=remote")
        return pod["spec"]["initContainers"][0]

    found = eventually(initializer, 60, "the pod has an init container")
    assert (found["name"], found["args"]) == ("storage-initializer", ["s3://no-such-bucket/model", "/mnt/models"])

    def says_why() -> dict[str, Any]:
        ready = condition(models.get("gpuxmodel", "remote", namespace), "Ready")
        assert ready["reason"] == "StorageInitializerFailed", ready
        return ready

    assert "s3://no-such-bucket/model" in eventually(says_why, 120, "the status says why")["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runtime": {"precision": "float16"}}, "precision is not supported yet"),
        ({"model": {"source": {"uri": "ftp://x"}}}, "uri must start with s3://"),
        ({"sreving": {}}, "unknown field"),
    ],
)
def test_bad_manifests_are_refused(installed: Cluster, namespace: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        installed.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(spec("bad", **change)))


def test_names_that_kserve_could_not_serve_are_refused(installed: Cluster, namespace: str) -> None:
    with pytest.raises(ClusterError, match="at most 52 characters together"):
        installed.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(spec("n" * 48)))
