"""A Docker engine for a test: the machine's own, or Debian's, unpacked into the cache and started in namespaces of its own.

Nothing is installed, since the package would start a service. What the engine makes (bridge, rules, mounts, processes) goes with its
namespaces, its cgroup is removed, and its data are in a folder that goes too.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testcluster.errors import ClusterError
from testcluster.native import cgroups, packages
from testcluster.native.buildah import REPOSITORY
from testcluster.native.errors import NodeError, progress, run
from testcluster.processes import Program
from testcluster.tools import cache_folder

PACKAGE = "docker.io"
CGROUP = "gpux-docker"
SECONDS = 60.0


@dataclass(frozen=True)
class Engine:
    """An engine that answers.

    Attributes:
        enter: the beginning of a command that is to run in its network, where its published ports are.
        environment: with which `docker` finds it.
    """

    enter: tuple[str, ...]
    environment: dict[str, str]

    def run(self, script: str) -> str:
        """What a script of bash prints, in this checkout; ClusterError with what it said when one of its commands fails."""
        command = [*self.enter, "bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ClusterError(f"`{script.strip()}` failed", "see what it says", f"{done.stdout}{done.stderr}"[-2000:])
        return done.stdout


@contextmanager
def engine(*, uplink: bool = False) -> Iterator[Engine]:
    """An engine, in a network of its own if none runs on this machine.

    Args:
        uplink: in the machine's network instead, without one for containers: for builds that fetch packages (`--network=host`).

    Raises:
        NodeError: there is none, and none can be had or started here.
    """
    if _answers(own := dict(os.environ)):
        yield Engine((), own)
        return
    packages.ensure(packages.NODE | packages.BUILD)
    programs = _unpacked()
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".docker-") as folder:
        try:
            with _started(programs, Path(folder), uplink=uplink) as found:
                yield found
        finally:
            cgroups.remove(CGROUP)


def _answers(environment: dict[str, str]) -> bool:
    if not shutil.which("docker", path=environment["PATH"]):
        return False
    return subprocess.run(["docker", "info"], env=environment, capture_output=True, check=False).returncode == 0


def _unpacked() -> Path:
    """The folder with `usr/bin/docker` and `usr/sbin/dockerd`, fetched once."""
    kept = cache_folder() / "docker"
    if not kept.exists():
        progress(f"apt-get download {PACKAGE}")
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".docker-") as work:
            remedy = "does this machine reach its Debian mirror? or start a Docker engine by hand"
            run(["apt-get", "update"], remedy)
            run(["apt-get", "download", PACKAGE], remedy, Path(work))
            [package] = Path(work).glob("*.deb")
            run(["dpkg", "--extract", package, Path(work) / "tree"], remedy)
            (Path(work) / "tree").rename(kept)
    return kept / "usr"


@contextmanager
def _started(programs: Path, folder: Path, *, uplink: bool) -> Iterator[Engine]:
    socket, pid = folder / "docker.sock", folder / "docker.pid"
    paths = (programs / "bin", programs / "sbin", os.environ["PATH"], packages.SBIN)
    environment = os.environ | {
        "PATH": ":".join(map(str, paths)),
        "DOCKER_HOST": f"unix://{socket}",
        "DOCKER_CONFIG": str(folder),
        "DOCKER_BUILDKIT": "1",  # what newer clients build with
    }
    daemon = f"dockerd --host=unix://{socket} --data-root={folder}/data --exec-root={folder}/exec --pidfile={pid} --cgroup-parent=/{CGROUP}"
    network = [] if uplink else ["--net"]
    inside = f"exec {daemon} --bridge=none --iptables=false" if uplink else f"ip link set lo up; exec {daemon}"
    namespaces = ["unshare", *network, "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    program = Program("dockerd", [*namespaces, "sh", "-c", inside], folder / "dockerd.log", environment)
    program.start()
    try:
        _wait(program, environment)
        yield Engine(() if uplink else ("nsenter", f"--net=/proc/{program.pid}/ns/net"), environment)
    finally:
        program.stop(0)


def _wait(program: Program, environment: dict[str, str]) -> None:
    deadline = time.monotonic() + SECONDS
    while not _answers(environment):
        if not program.running or time.monotonic() > deadline:
            raise NodeError.with_log("no Docker engine starts on this machine", "its log says why", program.log)
        time.sleep(0.1)
