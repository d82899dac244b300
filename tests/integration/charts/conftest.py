"""A control plane on which nothing of ours is installed: helm does that, as users do."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from testcluster import history, isvc_crd
from testcluster.api import Api, Object
from testcluster.chart import CHART, NAMESPACE, helm
from testcluster.controlplane import ControlPlane
from testcluster.ports import free_ports
from testcluster.processes import tied

PROGRAM = Path(sys.executable).with_name("gpux-operator")
PREVIOUS = "997db7b"
"""A commit with the chart as it was before the values of this one."""


class Helm:
    """The real helm on the bare cluster."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.api: Api = plane.api

    def __call__(self, *arguments: str, values: Mapping[str, Any] | None = None, namespace: str = NAMESPACE) -> str:
        """`helm …` in the release's namespace, with these values."""
        given = [] if values is None else ["--values=-"]
        where = f"--namespace={namespace}"
        return helm(*arguments, where, *given, stdin=json.dumps(values or {}), kubeconfig=self.plane.admin_kubeconfig)

    def install(
        self, values: Mapping[str, Any] | None = None, release: str = "gpux", chart: Path = CHART, **where: str
    ) -> str:
        """Installs or upgrades."""
        return self("upgrade", "--install", release, str(chart), "--create-namespace", values=values or {}, **where)

    def manifests(self, release: str = "gpux", namespace: str = NAMESPACE) -> list[Object]:
        """What the release consists of, as helm keeps it."""
        return [item for item in yaml.safe_load_all(self("get", "manifest", release, namespace=namespace)) if item]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, built_tools: dict[str, Path]) -> Iterator[Helm]:
    plane = ControlPlane(tmp_path_factory.mktemp("bare"))
    try:
        plane.start([isvc_crd.inference_service_crd()])
        yield Helm(plane)
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def previous_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart of `PREVIOUS`."""
    return history.chart(PREVIOUS, tmp_path_factory.mktemp("previous"))


Runs = Callable[[Object, Path], AbstractContextManager[Path]]


@pytest.fixture
def run_operator(tmp_path: Path) -> Runs:
    """Runs what a Deployment's container would, as its ServiceAccount; gives the log."""

    @contextmanager
    def run(deployment: Object, login: Path) -> Iterator[Path]:
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        metrics, health = free_ports(2)
        ports = [f"--metrics-port={metrics}", f"--health-port={health}", "--resync-seconds=2"]
        log = tmp_path / "operator.log"
        with log.open("wb") as file:
            command = [str(PROGRAM), *container["args"], *ports, f"--kubeconfig={login}"]
            process = subprocess.Popen(tied(command), stdout=file, stderr=file)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(60)

    return run
