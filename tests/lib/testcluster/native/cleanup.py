"""Takes a node down by what can be seen of it, so that it works after a failed or killed `up` as well."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from testcluster.native import cgroups
from testcluster.native.errors import NodeError, run
from testcluster.native.layout import NETNS, NETNS_FILE, Layout

CNI_RESULTS = Path("/var/lib/cni/results")
DEVICE_SOCKET = Path("/var/lib/kubelet/device-plugins/kubelet.sock")
CONTAINER_LOGS = Path("/var/log/containers")


def down(layout: Layout) -> None:
    """Leave no process, mount, cgroup, namespace or file of the node behind. Does nothing where there is none."""
    strays = _strays(layout)
    _end(layout)
    cgroups.remove()
    _unmount(layout)
    _remove_namespace()
    _restore_sysctls(layout)
    strays += CNI_RESULTS.glob(f"{NETNS}-*")
    strays += [DEVICE_SOCKET] if _is_dead(DEVICE_SOCKET) else []
    _remove_files(layout, strays)


def processes(layout: Layout) -> set[int]:
    """The node's processes: by cgroup, by network namespace, and by the data directory in command line or environment."""
    mark = os.fsencode(layout.root)
    network = NETNS_FILE.stat().st_ino if NETNS_FILE.exists() else None
    own = {os.getpid(), os.getppid()}
    found = cgroups.processes()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) not in own and _is_ours(folder, mark, network):
            found.add(int(folder.name))
    return found


def _is_ours(folder: Path, mark: bytes, network: int | None) -> bool:
    try:
        if (folder / "ns/net").stat().st_ino == network:
            return True
        # the shims' command line has containerd's socket; the daemons have the mark that they were started with
        marked = (b"%s/containerd.sock" % mark) in (folder / "cmdline").read_bytes()
        return marked or (b"GPUX_NODE=%s\0" % mark) in (folder / "environ").read_bytes() + b"\0"
    except OSError:  # it ended meanwhile
        return False


def _end(layout: Layout, seconds: float = 15) -> None:
    """Kill outright: nothing that a node keeps outlives it, so nobody needs time to save anything."""
    deadline = time.monotonic() + seconds
    while alive := {pid for pid in processes(layout) if not _is_zombie(pid)}:
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise NodeError(f"processes {sorted(alive)} of the node in {layout.root} do not end", cgroups.KERNEL)
        time.sleep(0.05)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def mounts(layout: Layout) -> list[str]:
    """Mount points under the data directory, innermost first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1].encode().decode("unicode_escape") for line in lines]
    return [point for point in reversed(points) if point.startswith(f"{layout.root}/")]


def _unmount(layout: Layout) -> None:
    for _ in range(20):
        if not (points := mounts(layout)):
            return
        for point in points:
            subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
        time.sleep(0.05)
    raise NodeError(f"cannot unmount {mounts(layout)[:5]}", "unmount them by hand, then run `down` again")


def _remove_namespace() -> None:
    if not NETNS_FILE.exists():
        return
    run(["ip", "netns", "delete", NETNS], f"unmount and remove {NETNS_FILE} by hand")


def _restore_sysctls(layout: Layout) -> None:
    if layout.saved_sysctls.exists():
        for name, value in json.loads(layout.saved_sysctls.read_text() or "{}").items():
            with contextlib.suppress(OSError):
                Path("/proc/sys", name).write_text(value)


def _strays(layout: Layout) -> list[Path]:
    """Files outside the data directory, at places that cannot be chosen: shims' sockets, CNI's notes, links to logs."""
    found = [link for link in CONTAINER_LOGS.glob("*.log") if _leads_into(link, layout.root)]
    for bundle in layout.containerd_state.glob("io.containerd.runtime.v2.task/k8s.io/*"):
        found += CNI_RESULTS.glob(f"*-{bundle.name}-*")
        with contextlib.suppress(OSError):
            found.append(Path((bundle / "address").read_text().strip().removeprefix("unix://")))
    return found


def _is_dead(path: Path) -> bool:
    """Tell whether nobody listens on this socket; another kubelet of the machine may have made it anew."""
    with socket.socket(socket.AF_UNIX) as channel:
        try:
            channel.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _leads_into(link: Path, folder: Path) -> bool:
    return link.is_symlink() and link.readlink().is_relative_to(folder)


def _remove_files(layout: Layout, strays: list[Path]) -> None:
    for file in strays:
        file.unlink(missing_ok=True)
    for _ in range(20):
        shutil.rmtree(layout.root, ignore_errors=True)
        if not layout.root.exists():
            return
        time.sleep(0.1)
    raise NodeError(f"cannot remove {layout.root}: something still writes there", "remove it by hand")
