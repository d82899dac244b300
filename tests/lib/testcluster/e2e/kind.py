"""A kind cluster with KServe's own charts, where Docker and kind are there."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from testcluster.e2e.cluster import Cluster
from testcluster.errors import ClusterError
from testcluster.native.buildah import REPOSITORY
from testcluster.native.errors import progress
from testcluster.native.images import NAMES, content_digest

NAME = "gpux-e2e"
INGRESS_PORT = 18080
CONFIG = f"""\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    extraPortMappings: [{{containerPort: 30080, hostPort: {INGRESS_PORT}, listenAddress: 127.0.0.1}}]
"""
KSERVE_VERSION = "v0.20.0"
# release -> chart, version, values
CHARTS: dict[str, tuple[str, str, list[str]]] = {
    "cert-manager": ("oci://quay.io/jetstack/charts/cert-manager", "v1.19.1", ["crds.enabled=true"]),
    "traefik": (
        "oci://ghcr.io/traefik/helm/traefik",
        "37.4.0",
        ["service.type=NodePort", "ports.web.nodePort=30080", "ingressClass.name=traefik"],
    ),
    "kserve-crd": ("oci://ghcr.io/kserve/charts/kserve-crd", KSERVE_VERSION, []),
    "kserve": (
        "oci://ghcr.io/kserve/charts/kserve-resources",
        KSERVE_VERSION,
        [
            "kserve.controller.deploymentMode=Standard",
            "kserve.controller.gateway.disableIstioVirtualHost=true",
            "kserve.controller.gateway.ingressGateway.className=traefik",
        ],
    ),
}
T = TypeVar("T")


def works() -> bool:
    """Tell whether kind is installed and a Docker engine answers."""
    if not (shutil.which("kind") and shutil.which("docker")):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


class KindCluster(Cluster):
    """A fresh kind cluster for one test session."""

    kind = "kind"
    takes_images = True

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gpux-kind-")
        self.kubeconfig = Path(self._folder.name) / "kubeconfig"
        self._images = {name: f"localhost/gpux-{name}:{content_digest(name)}" for name in NAMES}
        try:
            self._create()
        except BaseException:
            self.close()
            raise

    def _create(self) -> None:
        config = Path(self._folder.name) / "kind.yaml"
        config.write_text(CONFIG)
        _run("kind", "delete", "cluster", "--name", NAME)
        _run("kind", "create", "cluster", "--name", NAME, "--config", str(config), "--kubeconfig", str(self.kubeconfig))
        for name, reference in self._images.items():
            _run("docker", "build", "--file", f"{name}/Dockerfile", "--tag", reference, ".")
            _run("kind", "load", "docker-image", reference, "--name", NAME)
        for release, (chart, version, values) in CHARTS.items():
            settings = [part for value in values for part in ("--set", value)]
            where = ["--namespace", release.removesuffix("-crd"), "--create-namespace", "--version", version]
            progress(f"helm install {release} {version}")
            self.helm("install", release, chart, *where, *settings, "--wait", "--timeout", "10m")

    @property
    def ingress(self) -> str:
        return f"127.0.0.1:{INGRESS_PORT}"

    def images(self) -> dict[str, str]:
        return self._images

    def image_on_predictor(self, context: Path) -> str:
        reference, base = f"localhost/{context.name}:e2e", self._images["predictor"]
        file = context / "Dockerfile"
        file.write_text(re.sub(r"(?m)^FROM .*$", f"FROM {base}", file.read_text()))
        _run("docker", "build", "--tag", reference, str(context))
        _run("kind", "load", "docker-image", reference, "--name", NAME)
        return reference

    def name_image(self, program: str, name: str) -> None:
        _run("docker", "tag", self._images[program], name)
        _run("kind", "load", "docker-image", name, "--name", NAME)

    def command(self, command: Sequence[str | Path]) -> list[str]:
        return ["env", f"KUBECONFIG={self.kubeconfig}", *(str(part) for part in command)]

    def call(self, function: Callable[[], T]) -> T:
        return function()

    def close(self) -> None:
        _run("kind", "delete", "cluster", "--name", NAME)
        self._folder.cleanup()


def _run(*command: str) -> None:
    progress(" ".join(command)[:110])
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`{' '.join(command)}` failed", "see what it says", done.stderr.strip()[-1500:])
