"""A control plane, models in it, and the operator as a process with the chart's rights."""

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from testcluster import isvc_crd
from testcluster.api import Api
from testcluster.chart import chart_manifests
from testcluster.controlplane import ControlPlane
from testcluster.ports import free_ports

SYSTEM = "gpux-system"
USER = f"system:serviceaccount:{SYSTEM}:gpux"
CRD = Path(__file__).parents[3] / "crds" / "gpuxmodels.gpux.io.yaml"
PARALLEL = 8


class Name(NamedTuple):
    """A model's."""

    namespace: str
    name: str


def names(count: int, namespaces: int = 10) -> list[Name]:
    """Spread evenly."""
    return [Name(f"team-{number % namespaces}", f"model-{number:04}") for number in range(count)]


def manifest(name: Name, replicas: int = 1) -> dict[str, Any]:
    """A model of ordinary size: text in, labels out."""
    return {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": name.name, "namespace": name.namespace},
        "spec": {
            "model": {"source": {"uri": f"s3://models/{name.name}"}, "version": "1.0.0"},
            "preprocessing": {"text": {"tokenizer": "tokenizer.json", "maxLength": 128}},
            "serving": {"replicas": {"min": replicas}, "resources": {"limits": {"memory": "1Gi"}}},
        },
    }


def apply(api: Api, wanted: list[Name], replicas: int = 1) -> None:
    """All of them, several at a time; the path is written out because `Api` would ask for it each time."""

    def one(name: Name) -> None:
        path = f"/apis/gpux.io/v1alpha1/namespaces/{name.namespace}/gpuxmodels/{name.name}"
        query = {"fieldManager": "user", "force": "true"}
        kind = "application/apply-patch+yaml"
        api.request("PATCH", path, manifest(name, replicas), params=query, content_type=kind)

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(one, wanted))


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Started, with the CRDs, the namespaces and the operator's ServiceAccount."""
    plane = ControlPlane(folder)
    try:
        plane.start([*yaml.safe_load_all(CRD.read_text()), isvc_crd.inference_service_crd()])
        for name in (SYSTEM, *sorted({name.namespace for name in names(10)})):
            plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for item in chart_manifests():
            if item["kind"] in {"ServiceAccount", "ClusterRole", "ClusterRoleBinding"}:
                plane.api.apply(item)
        yield plane
    finally:
        plane.stop()


class Operator:
    """The process, and what it says of itself."""

    def __init__(self, plane: ControlPlane, log: Path, *options: str) -> None:
        self._port, health = free_ports(2)
        login = plane.service_account_kubeconfig(SYSTEM, "gpux")
        command = [str(Path(sys.executable).with_name("gpux-operator")), "run", f"--kubeconfig={login}", *options]
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [*command, f"--metrics-port={self._port}", f"--health-port={health}"], stdout=file, stderr=file
            )

    def metrics(self) -> str:
        """/metrics; empty until it answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            return ""

    def total(self, pattern: str) -> float:
        """The sum of all series whose name and labels match."""
        lines = self.metrics().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(pattern, line))

    def memory_mib(self) -> float:
        """The largest RSS so far, by the kernel."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found.group(1)) / 1024 if found else 0.0

    def resident_mib(self) -> float:
        """RSS now."""
        return self.total("process_resident_memory_bytes ") / 2**20

    def cpu_seconds(self) -> float:
        """CPU time so far."""
        return self.total("process_cpu_seconds_total ")

    def threads(self) -> int:
        """Threads now."""
        return len(list(Path(f"/proc/{self._process.pid}/task").iterdir()))

    def stop(self) -> int:
        """The exit code of a clean stop."""
        self._process.terminate()
        return self._process.wait(30)
