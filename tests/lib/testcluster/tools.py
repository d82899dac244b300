"""The programs that the tests run, built from the pinned Go modules in `tests/tools` and kept in the user's cache.

`python -m testcluster.tools NAME…` builds what is missing and prints where it is, one `NAME PATH` a line.
"""

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from testcluster.errors import ClusterError
from testcluster.golang import build_environment, find_go, required_version

MODULES = Path(__file__).resolve().parents[2] / "tools"
HEARTBEAT_SECONDS = 10.0


@dataclass(frozen=True)
class Tool:
    """One program: the folder in `tests/tools` that pins it, its Go package, and where its version is stamped."""

    name: str
    folder: str
    package: str
    module: str
    stamps: tuple[str, ...] = ()

    @property
    def home(self) -> Path:
        return MODULES / self.folder


def _kubernetes(name: str) -> Tool:
    version = "k8s.io/component-base/version"
    stamps = (f"{version}.gitVersion={{version}}", f"{version}.gitMajor={{major}}", f"{version}.gitMinor={{minor}}")
    return Tool(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", "k8s.io/kubernetes", stamps)


# Without its stamps helm takes every cluster for Kubernetes 1.20 when it renders a chart on its own: version 3.N of
# helm is made for 1.N+15.
_HELM_STAMPS = (
    "helm.sh/helm/v3/internal/version.version={version}",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=34",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=34",
)

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        *map(
            _kubernetes,
            ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"),
        ),
        Tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
        Tool("helm", "helm", "helm.sh/helm/v3/cmd/helm", "helm.sh/helm/v3", _HELM_STAMPS),
        Tool("promeval", "prometheus", ".", "github.com/prometheus/prometheus"),
        Tool("podmonitor", "prometheus-operator", ".", "github.com/prometheus-operator/prometheus-operator"),
        Tool("netpol", "netpol", ".", "sigs.k8s.io/kube-network-policies"),
        Tool("coredns", "coredns", "github.com/coredns/coredns", "github.com/coredns/coredns"),
    )
}


def ensure(names: Iterable[str]) -> dict[str, Path]:
    """The paths of these tools, built first where the cache has none for the pinned version.

    Safe when several test runs start at once: one builds, the others wait for it and say so.
    """
    wanted = [_known(name) for name in dict.fromkeys(names)]
    folder = _writable(cache_folder() / "bin")
    paths = {tool.name: folder / f"{tool.name}-{digest(tool)}" for tool in wanted}
    missing = [tool for tool in wanted if not paths[tool.name].exists()]
    for number, tool in enumerate(missing, start=1):
        with _locked(folder / f".{tool.name}.lock", tool.name):
            if not paths[tool.name].exists():
                _build(tool, paths[tool.name], f"{tool.name} ({number} of {len(missing)})")
    return paths


def cache_folder() -> Path:
    """Where built things are kept: `$GPUX_CACHE`, or `gpux` in the user's cache folder."""
    if chosen := os.environ.get("GPUX_CACHE"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "gpux"


def version_of(tool: Tool) -> str:
    """The pinned version, as the module file says it: there is no second place to forget."""
    for line in (tool.home / "go.mod").read_text().splitlines():
        words = line.removeprefix("require").split()
        if words[:1] == [tool.module] and len(words) > 1 and "=>" not in words:
            return words[1]
    raise ClusterError(f"{tool.home}/go.mod does not require {tool.module}", f"run 'go get {tool.module}' in it")


def digest(tool: Tool) -> str:
    """What the binary depends on, in short; another platform or version gets another file in the cache."""
    content = hashlib.sha256(f"{sys.platform} {platform.machine()} {' '.join(_flags(tool))}".encode())
    for path in (tool.home / "go.mod", tool.home / "go.sum", *sorted(tool.home.glob("*.go"))):
        content.update(path.read_bytes())
    return content.hexdigest()[:12]


def _known(name: str) -> Tool:
    if name not in TOOLS:
        raise ClusterError(f"there is no tool {name!r}", f"choose from {', '.join(sorted(TOOLS))}")
    return TOOLS[name]


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ClusterError(
            f"cannot make the folder {folder} for built tools: {error.strerror}",
            "set GPUX_CACHE to a folder that this user may write",
        ) from error
    return folder


def _flags(tool: Tool) -> list[str]:
    version = version_of(tool)
    major, minor, *_ = version.removeprefix("v").split(".")
    stamps = [f"-X {stamp.format(version=version, major=major, minor=minor)}" for stamp in tool.stamps]
    linker = " ".join(["-s", "-w", *stamps])
    return ["-mod=readonly", "-buildvcs=false", "-trimpath", f"-ldflags={linker}", tool.package]


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting: another run is building {name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(tool: Tool, target: Path, label: str) -> None:
    go = find_go(required_version(tool.home / "go.mod"))
    log = target.parent / f"{tool.name}.log"
    with TemporaryDirectory(dir=target.parent, prefix=".build-") as folder:
        unfinished = Path(folder) / tool.name
        command = [str(go), "build", "-o", str(unfinished), *_flags(tool)]
        if _run(command, tool.home, log, label) != 0:
            raise _build_failed(tool, command, log)
        unfinished.replace(target)
    log.unlink()


def _run(command: list[str], home: Path, log: Path, label: str) -> int:
    """The command's exit code; says every few seconds how long it has been at it."""
    started = time.monotonic()
    _say(f"building {label}")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=home, env=build_environment(cache_folder()), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while True:
                try:
                    code = process.wait(HEARTBEAT_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    _say(f"building {label} … {time.monotonic() - started:.0f} s")
        except BaseException:
            process.kill()
            process.wait()
            raise
    _say(f"{'built' if code == 0 else 'failed to build'} {label} in {time.monotonic() - started:.0f} s")
    return code


def _build_failed(tool: Tool, command: list[str], log: Path) -> ClusterError:
    return ClusterError.with_log(
        f"building {tool.name} {version_of(tool)} failed: {' '.join(command[:2])} {tool.package} in {tool.home}",
        "the first build needs the Go module proxy (see 'go env GOPROXY'), about 6 GB of disk and 4 GB of memory; "
        "run it again when that is there, it goes on where it stopped",
        log,
    )


def _say(line: str) -> None:
    print(f"testcluster: {line}", file=sys.stderr, flush=True)


def main(names: list[str]) -> int:
    """Build the named tools and print their paths."""
    try:
        for name, path in ensure(names or TOOLS).items():
            print(name, path)
    except ClusterError as error:
        _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
