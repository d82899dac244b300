"""The node's cgroup: all pods live under it, so whatever a run leaves behind is found there and ended."""

import contextlib
import os
import signal
import time
from pathlib import Path

from testcluster.native.errors import NodeError
from testcluster.native.layout import CGROUP

KERNEL = "they wait in the kernel: look at /proc/PID/stack"
MOUNT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Where cgroups are made: one place on v2, one for each controller on v1 (and both on a hybrid machine)."""
    found = [MOUNT] if (MOUNT / "cgroup.controllers").exists() else []
    if MOUNT.is_dir():
        found += [path for path in MOUNT.iterdir() if path.is_dir() and not path.is_symlink() and _is_root(path)]
    return sorted(found)


def _is_root(path: Path) -> bool:
    return (path / "cgroup.procs").exists() and path.stat().st_dev != MOUNT.stat().st_dev


def create() -> None:
    """Make the cgroup that the kubelet is told to keep its pods in; it doesn't make it itself."""
    if not (roots := hierarchies()):
        raise NodeError(f"there is no cgroup file system at {MOUNT}", f"mount one: mount -t cgroup2 cgroup2 {MOUNT}")
    for root in roots:
        controllers = root / "cgroup.controllers"
        if controllers.exists():
            _delegate(root, controllers.read_text().split())
        (root / CGROUP).mkdir(exist_ok=True)
        if controllers.exists():
            _delegate(root / CGROUP, controllers.read_text().split())
        for name in ("cpuset.cpus", "cpuset.mems"):  # v1: empty until copied from the parent
            if (root / name).exists() and not controllers.exists():
                (root / CGROUP / name).write_text((root / name).read_text())


def _delegate(cgroup: Path, controllers: list[str]) -> None:
    for controller in controllers:
        try:
            (cgroup / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError as error:
            raise NodeError(
                f"cgroup controller {controller} cannot be enabled below {cgroup}: {error.strerror}",
                "inside a container, move its processes to a child cgroup, or start it with --privileged --cgroupns=host",
            ) from error


def existing(name: str = CGROUP) -> list[Path]:
    """The cgroup of this name (the node's) and all below it, in every hierarchy, innermost first."""
    return [Path(folder) for root in hierarchies() for folder, _, _ in os.walk(root / name, topdown=False)]


def processes(name: str = CGROUP) -> set[int]:
    """Every process in the cgroup: containers, with or without a shim that still knows them."""
    found: set[int] = set()
    for cgroup in existing(name):
        with contextlib.suppress(OSError):
            found.update(int(line) for line in (cgroup / "cgroup.procs").read_text().split())
    return found


def remove(name: str = CGROUP, seconds: float = 15) -> None:
    """End what is in the cgroup and remove it; the kernel needs a moment between the two."""
    deadline = time.monotonic() + seconds
    while left := existing(name):
        for pid in processes(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for cgroup in left:
            with contextlib.suppress(OSError):
                cgroup.rmdir()
        if time.monotonic() > deadline:
            raise NodeError(f"processes {sorted(processes(name))} keep the cgroups {existing(name)[:5]}", KERNEL)
        time.sleep(0.05)
