"""What clients do with a running node: commands and Python code inside its network, and kubectl."""

import contextlib
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from testcluster import tools
from testcluster.native import network
from testcluster.native.errors import NodeError
from testcluster.native.layout import NODE_NAME, Layout, in_namespace

PROGRAMS = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "coredns",
]
T = TypeVar("T")


class Client:
    """Nothing of the node can be reached from outside its namespace: run programs with `exec`, Python with `call`."""

    def __init__(self, layout: Layout | None = None) -> None:
        self.layout = layout or Layout.default()
        self.kubeconfig = self.layout.kubeconfig
        self._tools: dict[str, Path] = {}

    @property
    def is_up(self) -> bool:
        """Tell whether the node answers."""
        return self.kubeconfig.exists() and self._succeeds("get", "--raw", "/readyz") and self._is_ready()

    def exec(
        self,
        command: Sequence[str | Path],
        *,
        stdin: str | None = None,
        capture: bool = True,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside the node's network, with KUBECONFIG set; the caller looks at returncode."""
        return subprocess.run(
            self.command(command), input=stdin, capture_output=capture, timeout=timeout, text=True, check=False
        )

    def command(self, command: Sequence[str | Path]) -> list[str]:
        """The argument vector that runs a command inside the node's network with KUBECONFIG set, e.g. for Popen."""
        return in_namespace(
            [
                "env",
                f"KUBECONFIG={self.kubeconfig}",
                f"KUBECACHEDIR={self.layout.root}/kubectl",
                *(str(part) for part in command),
            ]
        )

    @staticmethod
    def call(function: Callable[[], T]) -> T:
        """Run a Python function in a thread inside the node's network: the sockets it opens reach pods and services."""
        return network.call(function)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it prints; NodeError with its message when it fails."""
        network.require()
        done = self.exec([self.tool("kubectl"), *arguments], stdin=stdin)
        if done.returncode:
            raise NodeError(f"`kubectl {' '.join(arguments)}` failed", "see what it says", done.stderr.strip())
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply Kubernetes objects by server-side apply."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "--server-side", "-f", "-", stdin=items)

    def tool(self, name: str) -> Path:
        """The path of one of the node's programs."""
        self._tools = self._tools or tools.ensure(PROGRAMS)
        return self._tools[name]

    def _succeeds(self, *arguments: str) -> bool:
        try:
            self.kubectl("--request-timeout=2s", *arguments)
        except NodeError:
            return False
        return True

    def _is_ready(self) -> bool:
        query = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        with contextlib.suppress(NodeError):
            return self.kubectl("--request-timeout=2s", "get", "node", NODE_NAME, "-o", query) == "True"
        return False
