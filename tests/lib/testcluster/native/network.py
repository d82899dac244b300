"""The node's network: one namespace without uplink, an address on it, and routed pods."""

import ctypes
import json
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from testcluster.native.errors import NodeError, run
from testcluster.native.layout import NETNS, NETNS_FILE, NODE_IP, NODE_POD_CIDR, Layout, in_namespace

CLONE_NEWNET = 0x40000000
# The kubelet and kube-proxy set these for the whole machine; `down` puts back what was there.
MACHINE_SYSCTLS = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"]
PRIVILEGES = (
    "the node needs full root: CAP_SYS_ADMIN and CAP_NET_ADMIN, as in a virtual machine or a privileged container"
)
T = TypeVar("T")


def create(layout: Layout) -> None:
    """Make the namespace with the node's address, and remember the machine's settings that the kubelet changes."""
    saved = {name: Path("/proc/sys", name).read_text().strip() for name in MACHINE_SYSCTLS}
    layout.saved_sysctls.write_text(json.dumps(saved))
    run(["ip", "netns", "add", NETNS], PRIVILEGES)
    inside = (
        "ip link set lo up",
        # A bridge without ports carries the address: not every kernel has the `dummy` link type.
        "ip link add eth0 type bridge",
        f"ip addr add {NODE_IP}/24 dev eth0",
        "ip link set eth0 up",
        # A gateway that never answers: service addresses need some route before iptables can rewrite them.
        "ip route add default via 10.88.0.1 dev eth0 onlink",
    )
    for command in inside:
        run(in_namespace(command.split()), PRIVILEGES)
    # By a shell: /proc/sys/net shows the namespace of whoever opens it.
    run(in_namespace(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]), PRIVILEGES)


def write_cni(layout: Layout) -> Path:
    """Configure the pods' network: `ptp`, so that all traffic is routed.

    On a bridge, pods talk past the node's connection tracking where the kernel lacks br_netfilter, and a pod's call to
    a Service on a neighbour is answered from an address that it never called.
    """
    folder = layout.root / "cni"
    folder.mkdir()
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": NODE_POD_CIDR}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(layout.root / "cni-ipam"),
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": ipam},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    config = {"cniVersion": "0.4.0", "name": NETNS, "plugins": plugins}
    (folder / "10-pods.conflist").write_text(json.dumps(config, indent=1))
    return folder


def call(function: Callable[[], T]) -> T:
    """Run a Python function inside the node's network and return what it returns.

    Only the thread moves, so sockets that the function opens are the namespace's, and the rest of the process stays out.
    """
    answers: queue.SimpleQueue[Future[T]] = queue.SimpleQueue()

    def inside() -> None:
        future: Future[T] = Future()
        try:
            enter()
            future.set_result(function())
        except BaseException as error:  # handed to the caller's thread
            future.set_exception(error)
        answers.put(future)

    threading.Thread(target=inside, name="in-node-network").start()
    return answers.get().result()


def require() -> None:
    """Refuse to go on without a node."""
    if not NETNS_FILE.exists():
        raise NodeError("there is no node", "start one: python -m testcluster.native up")


def enter() -> None:
    """Move the calling thread into the node's network, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    require()
    descriptor = os.open(NETNS_FILE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, CLONE_NEWNET):
            raise NodeError(f"could not enter the node's network: {os.strerror(ctypes.get_errno())}", PRIVILEGES)
    finally:
        os.close(descriptor)
