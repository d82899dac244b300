"""The predictor's own words: a real predictor on loopback, in the place of the container of a pod.

There is no node: `Kserve` writes the pod's status, with the address at which the predictor really listens.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import onnxmodels
import predictorserver
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.operator.conftest import Kserve, Models

    from testcluster.api import Api

Object = dict[str, Any]
CONDITIONS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
SAMPLE = {"request": {"x": [1.0, 2.0]}, "response": {"y": [1.0, 2.0]}}
pytestmark = pytest.mark.usefixtures("operator")


def running(*, ready: bool) -> Object:
    """The status of a pod whose container runs at this machine's own address."""
    state = {"running": {"startedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}}
    container = {"name": "kserve-container", "image": "predictor:test", "imageID": "", "restartCount": 0}
    return {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "conditions": [
            {"type": kind, "status": str(ready or kind in {"PodScheduled", "Initialized"})} for kind in CONDITIONS
        ],
        "containerStatuses": [{**container, "ready": ready, "state": state}],
    }


def held_up_by_volumes() -> Object:
    """The status of a pod that has a node and waits for its volumes."""
    held_up = running(ready=False) | {"phase": "Pending", "startTime": "2020-01-01T00:00:00Z", "containerStatuses": []}
    held_up["conditions"] = [
        {"type": kind, "status": str(kind == "PodScheduled")}
        for kind in ("PodScheduled", "PodReadyToStartContainers", "Ready")
    ]
    return held_up


def failed_mount(pod: Object, message: str) -> Object:
    """The kubelet's event about a pod that waits for a volume."""
    place = {name: pod["metadata"][name] for name in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "mount", "namespace": place["namespace"]},
        "involvedObject": {"kind": "Pod", **place},
        "type": "Warning",
        "reason": "FailedMount",
        "message": message,
        "lastTimestamp": "2030-01-01T00:00:00Z",
    }


class Place:
    """Where a predictor is to listen, and the manifest that it serves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = onnxmodels.identity(folder / "model.onnx")
        (self.port,) = free_ports(1)

    def manifest(self, **spec: Any) -> Path:
        path = self.folder / "gpuxmodel.yaml"
        body = {"model": {"source": {"uri": "file:///model.onnx"}}, **spec}
        document = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": body}
        path.write_text(yaml.safe_dump(document))
        return path

    def serve(self, *, ready: bool, **spec: Any) -> Any:
        return predictorserver.serve(
            self.manifest(**spec), "--model-dir", str(self.folder), ready=ready, port=self.port
        )


def run(command: str, port: int) -> Any:
    """What the command prints, with the address inside the cluster led to loopback."""
    program, *arguments = shlex.split(command)
    lead = ["--noproxy", "*", "--connect-to", f"::127.0.0.1:{port}", "--fail-with-body"]
    found = subprocess.run([program, *lead, *arguments], capture_output=True, text=True, timeout=SOON, check=True)
    return json.loads(found.stdout)


def _names(models: Models) -> list[str]:
    return [item["metadata"]["name"] for item in models.config_maps()]


def reasons(admin: Api, namespace: str) -> list[str]:
    return [event["reason"] for event in admin.list("v1", "Event", namespace)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_sample_that_fails_is_told_with_both_answers_and_then_the_model_is_repaired(
    models: Models,
    kserve: Kserve,
    admin: Api,
    place: Place,
    operator_writes: Callable[[str], list[str]],
    settled_writes: Callable[..., list[str]],
    a_few_passes: Callable[[], None],
) -> None:
    status = running(ready=False)
    kserve.pod_status = lambda pod: status
    models.apply(serving={"port": place.port})
    wrong = {**SAMPLE, "response": {"y": [1.0, 5.0]}}
    with place.serve(ready=False, samples=[wrong]):
        found = models.becomes("SampleFailed")
        assert "5.0" in found["message"]
        assert "2.0" in found["message"]
        loaded = models.condition("ModelLoaded")
        assert (loaded["status"], loaded["reason"]) == ("False", "SampleFailed")
        writes = settled_writes(models.namespace)
        a_few_passes()
        assert operator_writes(models.namespace) == writes, "what is known is not written again"
    events = [event for event in admin.list("v1", "Event", models.namespace) if event["reason"] == "SampleFailed"]
    assert [(event["type"], event["count"]) for event in events] == [("Warning", 1)]

    ready = running(ready=True)
    with place.serve(ready=True, samples=[SAMPLE]):
        kserve.pod_status = lambda pod: ready
        models.becomes("NewestGenerationServes")
        described = eventually(lambda: models.get()["status"].get("model"), SOON, "the model is described")
        assert described["sha256"] == hashlib.sha256(place.model.read_bytes()).hexdigest()
        assert described["provider"] == "CPUExecutionProvider"
        assert described["inputs"] == [{"name": "x", "type": "float32", "shape": [-1, 2]}]
        assert described["batchCurve"]["1"] > 0
        assert run(models.get()["status"]["example"], place.port) == {"y": [1.0, 2.0]}
        writes = settled_writes(models.namespace)
        a_few_passes()
        assert operator_writes(models.namespace) == writes
    told = reasons(admin, models.namespace)
    assert told.count("SampleFailed") == told.count("NewestGenerationServes") == 1, told


def test_a_schema_that_disagrees_fails_a_rollout_while_the_old_version_serves(
    models: Models, kserve: Kserve, place: Place
) -> None:
    """And the way back: the spec before is served again."""
    good: Object = {"model": {"source": {"uri": "s3://bucket/model"}}, "serving": {"port": place.port}}
    serves, fails = running(ready=True), running(ready=False)
    kserve.pod_status = lambda pod: serves
    models.apply(**good)
    models.becomes("NewestGenerationServes")
    first = models.config_maps()[0]["metadata"]["name"]
    kserve.pod_status = lambda pod: serves if first in str(pod["spec"]) else fails
    inputs = [{"name": "pixels", "type": "float32", "shape": [-1, 2]}]
    with place.serve(ready=False, inputs=inputs):
        models.apply(**good, inputs=inputs)
        found = models.becomes("SchemaMismatch")
        assert "pixels" in found["message"]
        assert models.condition("Available")["status"] == "True"
        assert models.condition("Available")["observedGeneration"] == 2
        models.apply(**good)
        back = models.becomes("NewestGenerationServes")
    assert (back["status"], back["observedGeneration"]) == ("True", 3)
    eventually(
        lambda: _names(models) == [first], SOON, "the first manifest is used again, and the one that failed is gone"
    )


def test_a_pod_that_nobody_answers_for_is_told_with_a_hint(models: Models, kserve: Kserve, place: Place) -> None:
    status = running(ready=False)
    kserve.pod_status = lambda pod: status
    models.apply(serving={"port": place.port})
    eventually(lambda: "NetworkPolicy" in models.becomes("PodsNotReady")["message"], SOON, "the hint is there")


def test_a_volume_that_cannot_be_mounted_is_told_from_the_node_s_events(
    models: Models, kserve: Kserve, admin: Api
) -> None:
    held_up = held_up_by_volumes()
    kserve.pod_status = lambda pod: held_up
    models.apply()
    (pod,) = eventually(lambda: admin.list("v1", "Pod", models.namespace), SOON, "there is a pod")
    admin.create(failed_mount(pod, 'MountVolume.SetUp failed for volume "v" : secret "s" not found'))
    assert 'secret "s" not found' in models.becomes("PodStartFailed", timeout=2 * SOON)["message"]
