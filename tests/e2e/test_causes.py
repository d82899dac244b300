"""Each cause that a node can produce is produced, and the status names it with what to do; a bare "not ready" is a bug."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testcluster.e2e import models_claim
from testcluster.waiting import eventually

if TYPE_CHECKING:
    from testcluster.e2e.cluster import Cluster

Object = dict[str, Any]
CAUSE_SECONDS = 120
READY_SECONDS = 180
INPUTS = {"input_ids": [[101, 1045, 2293, 2023, 102]], "attention_mask": [[1] * 5]}
LIMITS = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}}
SOURCE = {"uri": "pvc://models/sentiment"}


@pytest.fixture
def models(installed: Cluster, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    """The cluster with our chart, and a claim with the examples' models and a file that is none."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"<html>404</html>")
    folder = tmp_path / "claim"
    folder.mkdir()
    with models_claim.filled(installed, namespace, folder, {"broken/model.onnx": broken}) as found:
        yield found


def manifest(source: Object = SOURCE, serving: Object | None = None, **spec: Any) -> Object:
    body = {"model": {"source": source}, "serving": {"resources": LIMITS, **(serving or {})}, **spec}
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": body}


def condition(cluster: Cluster, namespace: str, kind: str = "Ready") -> Object:
    model = cluster.get("gpuxmodel", "m", namespace)
    conditions = model.get("status", {}).get("conditions", [])
    found: Object = next((item for item in conditions if item["type"] == kind), {})
    return found if found.get("observedGeneration") == model["metadata"]["generation"] else {}


def becomes(cluster: Cluster, namespace: str, reason: str, seconds: float = CAUSE_SECONDS) -> Object:
    """Ready, once it has that reason for the newest generation."""

    def probe() -> Object | None:
        found = condition(cluster, namespace)
        assert found.get("reason") == reason, found
        return found

    return eventually(probe, seconds, f"the model says {reason}")


CAUSES: dict[str, tuple[Object, str, tuple[str, ...]]] = {
    "a wrong checksum": (
        manifest({**SOURCE, "sha256": "0" * 64}),
        "ChecksumMismatch",
        ("0" * 64, "said by the predictor in pod"),
    ),
    "not an ONNX file": (manifest({"uri": "pvc://models/broken"}), "InvalidModel", ("model.onnx",)),
    "no such file": (manifest({"uri": "pvc://models/nowhere"}), "ModelFileNotFound", ()),
    "another schema": (
        manifest(inputs=[{"name": "pixels", "type": "float32", "shape": [-1, 4]}]),
        "SchemaMismatch",
        ("pixels",),
    ),
    "a sample that fails": (
        manifest(samples=[{"request": INPUTS, "response": {"logits": [[1e6, 1e6]]}}]),
        "SampleFailed",
        ("1000000",),
    ),
    "a download that fails": (
        manifest({"uri": "https://no-such-host.invalid/model"}),
        "StorageInitializerFailed",
        ("https://no-such-host.invalid/model", "bad address"),
    ),
    "no such image": (
        manifest(serving={"image": "localhost/no-such-image:none"}),
        "ImagePullFailed",
        ("localhost/no-such-image:none", "check its name"),
    ),
    "no such node": (
        manifest(serving={"nodeSelector": {"no-such-label": "x"}}),
        "Unschedulable",
        ("spec.serving.nodeSelector",),
    ),
    "more memory than there is": (
        manifest(serving={"resources": {"requests": {"memory": "64Ti"}, "limits": {"memory": "64Ti"}}}),
        "Unschedulable",
        ("nodes have too little memory left", "spec.serving.resources"),
    ),
    "no such claim": (
        manifest({"uri": "pvc://no-such-claim/x"}),
        "Unschedulable",
        ('persistentvolumeclaim "no-such-claim" not found', "create the claim"),
    ),
    "too little memory": (
        manifest(serving={"resources": {"requests": {"memory": "48Mi"}, "limits": {"memory": "48Mi"}}}),
        "OOMKilled",
        ("its limit of 48Mi", "spec.serving.resources.limits.memory"),
    ),
    "a crash": (
        manifest(serving={"env": [{"name": "PYTHONHOME", "value": "/nowhere"}]}),
        "CrashLoopBackOff",
        ("exit code 1", "Python"),
    ),
    "no such Secret": (
        manifest(
            serving={"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "no-such-secret", "key": "x"}}}]}
        ),
        "ContainerConfigError",
        ("no-such-secret", "create it in the model's namespace"),
    ),
}


@pytest.mark.parametrize(("found", "reason", "words"), CAUSES.values(), ids=CAUSES)
def test_the_cause_is_named(
    models: Cluster, namespace: str, found: Object, reason: str, words: tuple[str, ...]
) -> None:
    models.apply(found, namespace=namespace)
    ready = becomes(models, namespace, reason)
    assert ready["status"] == "False"
    for word in words:
        assert word in ready["message"], ready["message"]
    available = condition(models, namespace, "Available")
    assert (available["status"], available["reason"]) == ("False", reason)

    def told() -> list[Object]:
        events = [item for item in models.select("events", namespace) if item["involvedObject"]["kind"] == "GpuxModel"]
        return [item for item in events if item["reason"] == reason]

    assert [item["type"] for item in eventually(told, 10, "there is an event")] == ["Warning"]


def test_a_gpu_that_runs_nothing_is_told_in_the_predictor_s_words(models: Cluster, namespace: str) -> None:
    if not models.can_fake_gpus:
        pytest.skip(f"the GPUs of a {models.kind} cluster are not ours to change")
    models.set_gpus(1)
    try:
        models.apply(manifest(runtime={"gpu": {"count": 1}}), namespace=namespace)
        assert "CUDA" in becomes(models, namespace, "ProviderUnavailable")["message"]
    finally:
        models.set_gpus(0)


def test_a_bad_update_never_takes_the_traffic_and_is_rolled_back(models: Cluster, namespace: str) -> None:
    models.apply(manifest(), namespace=namespace)
    becomes(models, namespace, "NewestGenerationServes", READY_SECONDS)
    models.apply(manifest({**SOURCE, "sha256": "0" * 64}), namespace=namespace)
    becomes(models, namespace, "ChecksumMismatch")
    available = condition(models, namespace, "Available")
    assert (available["status"], available["reason"]) == ("True", "Serving")
    assert "not all of them of the newest generation" in available["message"]
    models.apply(manifest(), namespace=namespace)
    becomes(models, namespace, "NewestGenerationServes", READY_SECONDS)


def test_the_model_is_described_and_its_example_works(models: Cluster, namespace: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here to run the example with")
    models.apply(manifest(), namespace=namespace)
    becomes(models, namespace, "NewestGenerationServes", READY_SECONDS)

    def described() -> Object | None:
        status: Object = models.get("gpuxmodel", "m", namespace)["status"]
        return status if {"model", "example", "url"} <= status.keys() else None

    status = eventually(described, 30, "the status describes the model")
    assert status["model"]["provider"] == "CPUExecutionProvider"
    assert [tensor["name"] for tensor in status["model"]["inputs"]] == list(INPUTS)
    program, *arguments = shlex.split(status["example"])
    assert any(argument.startswith(status["url"]) for argument in arguments)
    lead = ["--noproxy", "*", "--connect-to", f"::{models.ingress}", "--fail-with-body"]

    def answers() -> Object | None:
        done = models.exec([program, *lead, *arguments], timeout=20)
        return json.loads(done.stdout) if done.returncode == 0 else None

    assert "logits" in eventually(answers, 30, f"{status['example']} is answered")


def test_a_drained_node_is_told_and_what_brings_it_back(models: Cluster, namespace: str) -> None:
    if models.kind == "given":
        pytest.skip("the nodes of a given cluster are not ours to drain")
    models.apply(manifest(), namespace=namespace)
    becomes(models, namespace, "NewestGenerationServes", READY_SECONDS)
    [pod] = models.select("pods", namespace, "gpux.io/model=m")
    node = pod["spec"]["nodeName"]
    try:
        models.kubectl("drain", node, "--pod-selector=gpux.io/model=m", "--delete-emptydir-data", "--timeout=90s")
        assert "kubectl uncordon" in becomes(models, namespace, "Unschedulable")["message"]
    finally:
        models.kubectl("uncordon", node)
    becomes(models, namespace, "NewestGenerationServes", READY_SECONDS)
