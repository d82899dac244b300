"""The Debian programs the node needs: installed when they are missing and can be, else asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from testcluster.native.errors import NodeError, progress

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
# a program or file that proves the package is there -> the Debian package that brings it
NODE = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
    "busybox": "busybox-static",
}
BUILD = {"buildah": "buildah", "debootstrap": "debootstrap", "/etc/ssl/certs/ca-certificates.crt": "ca-certificates"}


def why_not() -> str | None:
    """Why no node can run on this machine at all; None when one can."""
    if sys.platform != "linux":
        return f"the native node needs Linux; this is {sys.platform}"
    if os.geteuid() != 0:
        return "the native node needs root (network namespaces, mounts and cgroups); run it as root or with sudo"
    needed = missing(NODE)
    if needed and not shutil.which("apt-get"):
        return f"the native node needs {', '.join(needed)}, and this machine has no apt-get to install them with"
    return None


def missing(wanted: dict[str, str]) -> list[str]:
    """The packages out of `wanted` that this machine lacks."""
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    there = {proof: Path(proof).exists() if proof[0] == "/" else shutil.which(proof, path=path) for proof in wanted}
    return sorted({package for proof, package in wanted.items() if not there[proof]})


def ensure(wanted: dict[str, str]) -> None:
    """Install what is missing with apt-get, or say what to install."""
    if not (needed := missing(wanted)):
        return
    if reason := why_not():
        raise NodeError(reason, f"install {', '.join(needed)} by hand, or run this where it can be done")
    if not shutil.which("apt-get"):
        raise NodeError("there is no apt-get on this machine", f"install {', '.join(needed)} by hand")
    progress(f"apt-get install {' '.join(needed)}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *needed]
    for command in (["apt-get", "update"], install):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode or missing(wanted):
        raise NodeError(f"`{' '.join(install)}` failed", "run it by hand first", done.stderr.strip()[-600:])
