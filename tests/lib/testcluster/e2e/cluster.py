"""What a test can do with its cluster, whichever it is."""

import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx

from testcluster import tools
from testcluster.errors import ClusterError

Object = dict[str, Any]
T = TypeVar("T")
DEFAULT_TIMEOUT = 30.0


class Cluster(ABC):
    """A cluster with KServe (or its stand-in) on it."""

    kind: str
    kubeconfig: Path
    has_busybox = False  # whether localhost/gpux-busybox:1 is there to test with
    can_fake_gpus = False
    takes_images = False

    @abstractmethod
    def command(self, command: Sequence[str | Path]) -> list[str]:
        """The argument vector that runs a command where the cluster can be reached, with KUBECONFIG set."""

    @abstractmethod
    def call(self, function: Callable[[], T]) -> T:
        """Run a Python function where the cluster's ingress, services and API can be reached."""

    @property
    @abstractmethod
    def ingress(self) -> str:
        """`host:port` at which the ingress controller answers."""

    @abstractmethod
    def images(self) -> dict[str, str]:
        """The operator's and the predictor's image, on the cluster's nodes: `{"operator": "repository:tag", …}`."""

    def image_on_predictor(self, context: Path) -> str:
        """Build the Dockerfile in a folder on the predictor's image, for the cluster's nodes; returns `repository:tag`."""
        raise ClusterError(f"a {self.kind} cluster takes no image from here", "skip this test there")

    def name_image(self, program: str, name: str) -> None:
        """Give the image of `operator` or `predictor` one more name on the cluster's nodes."""
        raise ClusterError(f"a {self.kind} cluster's images are not for tests to name", "skip this test there")

    @abstractmethod
    def close(self) -> None:
        """Leave nothing behind."""

    def exec(
        self, command: Sequence[str | Path], *, stdin: str | None = None, timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command where the cluster can be reached; the caller looks at the return code."""
        argv = self.command(command)
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)

    def run(self, *command: str | Path, stdin: str | None = None) -> str:
        """Run a command and return what it prints; ClusterError with its message when it fails."""
        done = self.exec(command, stdin=stdin)
        if done.returncode:
            shown = " ".join(str(part) for part in command)[:200]
            raise ClusterError(f"`{shown}` failed with {done.returncode}", "see what it says", done.stderr.strip())
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl."""
        return self.run(tools.ensure(["kubectl"])["kubectl"], *arguments, stdin=stdin)

    def helm(self, *arguments: str | Path) -> str:
        """Run the real helm."""
        return self.run(tools.ensure(["helm"])["helm"], *arguments)

    def apply(self, *objects: Object, namespace: str | None = None) -> None:
        """Apply objects by server-side apply."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        place = ["--namespace", namespace] if namespace else []
        self.kubectl("apply", "--server-side", *place, "-f", "-", stdin=items)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """One object as JSON."""
        found: Object = json.loads(self.kubectl("get", kind, name, *_in(namespace), "-o", "json"))
        return found

    def select(self, kind: str, namespace: str | None = None, labels: str = "") -> list[Object]:
        """The objects of a kind, in one namespace or in all, that match a label selector."""
        place = _in(namespace) or ["--all-namespaces"]
        chosen = ["--selector", labels] if labels else []
        found: list[Object] = json.loads(self.kubectl("get", kind, *place, *chosen, "-o", "json"))["items"]
        return found

    def http(
        self,
        host: str,
        path: str = "/",
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        **options: Any,  # httpx's own: json, content, files, params
    ) -> httpx.Response:
        """A request through the ingress controller to a host that some Ingress names."""
        url = f"http://{self.ingress}{path}"
        named = {"Host": host, **(headers or {})}
        return self.call(lambda: httpx.request(method, url, headers=named, timeout=timeout, trust_env=False, **options))

    def set_gpus(self, count: int, resource: str = "nvidia.com/gpu") -> None:
        """Have the node claim GPUs."""
        raise ClusterError(f"a {self.kind} cluster's GPUs are not for tests to change", "skip this test there")


def _in(namespace: str | None) -> list[str]:
    return ["--namespace", namespace] if namespace else []
