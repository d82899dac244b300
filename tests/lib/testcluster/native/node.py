"""The node as one thing: up, down, and what tests do with it in between."""

import contextlib
import json
import subprocess
import time
from pathlib import Path

from testcluster import tools
from testcluster.native import cgroups, cleanup, control, dns, ingress, kubelet, network, packages, pki, runtime
from testcluster.native.claim import Claim
from testcluster.native.client import PROGRAMS, Client
from testcluster.native.daemons import Daemons
from testcluster.native.errors import NodeError, progress
from testcluster.native.layout import NODE_IP, NODE_NAME, Layout

SOCKET_PATH_LIMIT = 100  # the kernel's is 108, and containerd appends `.ttrpc`


class NativeNode(Client):
    """A Kubernetes node in one network namespace of this machine; there is at most one on a machine."""

    ingress_address = f"{NODE_IP}:{ingress.PORT}"

    def __init__(self, layout: Layout | None = None) -> None:
        super().__init__(layout)
        self._claim = Claim()
        self._daemons = Daemons(self.layout)

    def up(self) -> None:
        """Start the node and wait until it is Ready; takes down first what an earlier run left.

        Until `down`, or the end of this process, no other process can start or stop a node.
        """
        packages.ensure(packages.NODE)
        if len(str(self.layout.containerd_socket)) > SOCKET_PATH_LIMIT:
            raise NodeError(f"{self.layout.root} is too long a path for sockets", "set GPUX_CACHE to a shorter folder")
        self._tools = tools.ensure(PROGRAMS)
        self._claim.take()
        cleanup.down(self.layout)
        started = time.monotonic()
        try:
            self._start()
        except BaseException:
            progress("failed; taking it down again")
            self._keep_logs()
            self.down()
            raise
        progress(f"up in {time.monotonic() - started:.1f} s; KUBECONFIG={self.kubeconfig} (inside the namespace)")

    def _start(self) -> None:
        layout = self.layout
        for folder in (layout.root, layout.logs):
            folder.mkdir(parents=True, mode=0o755)
        daemons = self._daemons
        progress("starting etcd, API server and containerd")
        network.create(layout)
        cgroups.create()
        pki.create(layout)
        runtime.start(layout, daemons, network.write_cni(layout))
        control.start_api(layout, daemons, self._tools)
        runtime.wait(layout, daemons)
        runtime.load_busybox(layout)
        daemons.wait("the API server to be ready", lambda: self._succeeds("get", "--raw", "/readyz"), seconds=90)
        progress("starting controllers, kubelet, kube-proxy, CoreDNS and Traefik")
        control.start_controllers(layout, daemons, self._tools)
        kubelet.start(layout, daemons, self._tools)
        dns.start(layout, daemons, self._tools["coredns"])
        self.apply(ingress.CLASS)
        ingress.start(layout, daemons)
        daemons.wait("the node to be Ready", self._is_ready, seconds=90)
        daemons.wait("CoreDNS to answer", dns.answers, seconds=60)
        daemons.wait("Traefik to answer", ingress.answers, seconds=60)
        # pods are refused in a namespace until its service account is there
        daemons.wait("service accounts", lambda: self._succeeds("get", "serviceaccount", "default"), seconds=30)

    def down(self) -> None:
        """Stop the node, or what is left of one, and leave nothing behind."""
        if reason := packages.why_not():
            raise NodeError(reason, "there is nothing of a node to take down, or not by this user")
        self._claim.take()
        cleanup.down(self.layout)
        self._daemons.forget()
        self._claim.release()

    def _keep_logs(self) -> None:
        kept = self.layout.root.with_name("failed-logs")
        subprocess.run(["rm", "-rf", kept], check=False)
        with contextlib.suppress(OSError):
            self.layout.logs.rename(kept)
            progress(f"logs kept in {kept}")

    def load_image(self, archive: Path) -> None:
        """Make the images of an archive (OCI or Docker) known to the node, under the names in it."""
        network.require()
        runtime.load(self.layout, archive)

    def name_image(self, reference: str, name: str) -> None:
        """Give an image of the node another name, which images of no host, such as `gpux/operator:0.1.0`, may have."""
        network.require()
        runtime.name_image(self.layout, reference, name)

    def set_gpus(self, count: int, resource: str = "nvidia.com/gpu") -> None:
        """Have the node claim GPUs (or MIG slices, by another resource name): the scheduler then counts them."""
        amount = {resource: str(count)}
        patch = json.dumps({"status": {"capacity": amount, "allocatable": amount}})
        self.kubectl("patch", "node", NODE_NAME, "--subresource=status", "--type=merge", "-p", patch)
