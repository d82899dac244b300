"""The models of examples/gpu before a real kube-scheduler: on a node that has what they ask for, and beside one that has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from docblocks import ROOT
from testcluster.processes import Program
from testcluster.tools import ensure
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.operator.conftest import Kserve, Models

    from testcluster.api import Api
    from testcluster.controlplane import ControlPlane

pytestmark = pytest.mark.usefixtures("operator", "scheduler", "nvidia_runtime")
Object = dict[str, Any]
H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.memory": "81559"}
SMALL = {"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/gpu.memory": "15360"}
GPU, PARTITION = {"nvidia.com/gpu": "1"}, {"nvidia.com/mig-1g.10gb": "1"}


@pytest.fixture(scope="module")
def scheduler(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    program = ensure(["kube-scheduler"])["kube-scheduler"]
    command: list[str | Path] = [
        program,
        f"--kubeconfig={control_plane.admin_kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
    ]
    running = Program("kube-scheduler", command, tmp_path_factory.mktemp("scheduler") / "log")
    running.start()
    yield
    running.stop(grace=0.0)


@pytest.fixture(scope="module")
def nvidia_runtime(control_plane: ControlPlane) -> Iterator[None]:
    made = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "nvidia"}
    control_plane.api.apply(made)
    yield
    control_plane.api.delete("node.k8s.io/v1", "RuntimeClass", "nvidia")


@pytest.fixture
def node(admin: Api) -> Iterator[str]:
    """A node of its own, since pods of an earlier test count against theirs until they are gone; `offers` says what it has."""
    made = admin.create({"apiVersion": "v1", "kind": "Node", "metadata": {"generateName": "gpus-"}})
    yield made["metadata"]["name"]
    admin.delete("v1", "Node", made["metadata"]["name"])


def offers(admin: Api, node: str, labels: dict[str, str], devices: dict[str, str]) -> None:
    """These labels and devices, under the taint that such nodes have."""
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    admin.patch("v1", "Node", node, {"metadata": {"labels": labels}, "spec": {"taints": [taint]}})
    capacity = {"cpu": "16", "memory": "64Gi", "pods": "110", **devices}
    status = {"capacity": capacity, "allocatable": capacity, "conditions": [{"type": "Ready", "status": "True"}]}
    admin.patch("v1", "Node", node, {"status": status}, subresource="status")


@pytest.mark.parametrize(
    ("name", "labels", "devices", "lacking"),
    [
        ("whole", {}, GPU, ({}, {})),
        ("mig", {}, PARTITION, ({}, GPU)),
        ("memory", H100, GPU, (SMALL, GPU)),
        ("product", H100, GPU, (SMALL, GPU)),
    ],
)
def test_it_waits_for_a_node_that_has_what_it_asks_for(
    name: str,
    labels: dict[str, str],
    devices: dict[str, str],
    lacking: tuple[dict[str, str], dict[str, str]],
    models: Models,
    admin: Api,
    kserve: Kserve,
    node: str,
) -> None:
    ready = kserve.pod_status
    kserve.pod_status = lambda pod: ready(pod) if "nodeName" in pod["spec"] else {}
    offers(admin, node, *lacking)
    manifest = yaml.safe_load((ROOT / "examples" / "gpu" / f"{name}.yaml").read_text())
    model = manifest["metadata"]["name"]
    admin.apply({**manifest, "metadata": {"name": model, "namespace": models.namespace}}, manager="user")
    said = models.becomes("Unschedulable", model)["message"]
    assert "0/1 nodes are available" in said
    assert ("Insufficient" in said) is (name in {"whole", "mig"}), said
    offers(admin, node, labels, devices)
    models.becomes("NewestGenerationServes", model)
    [pod] = eventually(lambda: admin.list("v1", "Pod", models.namespace), SOON, "there is a pod")
    assert pod["spec"]["nodeName"] == node
    assert pod["spec"].get("runtimeClassName") == ("nvidia" if name == "product" else None)


def test_a_runtime_class_that_is_not_there_is_named(models: Models, kserve: Kserve) -> None:
    models.apply(runtime={"gpu": {"runtimeClassName": "absent"}})
    assert 'RuntimeClass "absent" not found' in models.becomes("PodsRefused")["message"]
