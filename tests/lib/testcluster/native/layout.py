"""Where the node keeps things, and the marks by which `down` finds what an earlier run left behind.

All of a node is under three names: the data directory (files, mounts, sockets, command lines), the network namespace
and the cgroup. A process or mount that carries none of them is not ours.
"""

from dataclasses import dataclass
from pathlib import Path

from testcluster.tools import cache_folder

NETNS = "gpux-node"
CGROUP = "gpux-node"
NODE_NAME = "node0"
NODE_IP = "10.88.0.2"
POD_CIDR = "10.244.0.0/16"
NODE_POD_CIDR = "10.244.0.0/24"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
API_PORT = 6443
CLUSTER_DOMAIN = "cluster.local"
PAUSE_IMAGE = "localhost/gpux-pause:1"
BUSYBOX_IMAGE = "localhost/gpux-busybox:1"
INITIALIZER_IMAGE = "localhost/gpux-storage-initializer:1"
LOCK = Path("/run/lock/gpux-node.lock")
NETNS_FILE = Path("/run/netns") / NETNS


@dataclass(frozen=True)
class Layout:
    """The paths of one node's run; the whole directory goes with `down`."""

    root: Path

    @classmethod
    def default(cls) -> "Layout":
        return cls(cache_folder() / "run" / "node")

    @property
    def kubeconfig(self) -> Path:
        return self.root / "admin.kubeconfig"

    @property
    def certs(self) -> Path:
        return self.root / "certs"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def containerd_socket(self) -> Path:
        return self.root / "containerd.sock"

    @property
    def containerd_state(self) -> Path:
        return self.root / "containerd" / "state"

    @property
    def saved_sysctls(self) -> Path:
        return self.root / "sysctls.json"

    @property
    def server(self) -> str:
        return f"https://{NODE_IP}:{API_PORT}"


def in_namespace(command: list[str]) -> list[str]:
    """The command as it runs inside the node's network.

    nsenter, not `ip netns exec`: that one mounts a fresh /sys, which hides the cgroups from the kubelet.
    """
    return ["nsenter", f"--net={NETNS_FILE}", *command]
