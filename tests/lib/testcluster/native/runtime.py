"""containerd and runc, and the small images that every node has."""

import io
import json
import os
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

from testcluster.native.daemons import Daemons
from testcluster.native.errors import run
from testcluster.native.layout import BUSYBOX_IMAGE, INITIALIZER_IMAGE, PAUSE_IMAGE, Layout, in_namespace

ENTRYPOINTS = {
    PAUSE_IMAGE: ["/bin/busybox", "sleep", "2147483647"],
    BUSYBOX_IMAGE: [],
    # KServe's storage initializer is given a URI and a folder; this one knows plain http and single files
    INITIALIZER_IMAGE: ["/bin/sh", "-c", 'exec wget -P "$1" "$0"'],
}
CONFIG = """\
version = 2
root = "{root}/containerd/root"
state = "{root}/containerd/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # without CAP_SYS_RESOURCE a score below our own cannot be set, and runc dies with "can't get final child's PID"
  restrict_oom_score_adj = true
  # pods' namespaces are mounted below `state`: `down` knows them by their place
  netns_mounts_under_state_dir = true
  disable_apparmor = {no_apparmor}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{root}/containerd/runc"
"""


def start(layout: Layout, daemons: Daemons, cni: Path) -> None:
    """Start containerd; `wait` tells when it answers."""
    config = layout.root / "containerd" / "config.toml"
    config.parent.mkdir()
    text = CONFIG.format(
        root=layout.root,
        socket=layout.containerd_socket,
        pause=PAUSE_IMAGE,
        cni=cni,
        snapshotter=_snapshotter(layout.root),
        no_apparmor=str(not os.access("/sys/kernel/security/apparmor/profiles", os.R_OK)).lower(),
    )
    config.write_text(text)
    daemons.start("containerd", ["containerd", "--config", config])


def _snapshotter(folder: Path) -> str:
    """overlayfs, unless the folder is itself on one (as inside most containers), where it cannot be stacked."""
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False
    ).stdout.strip()
    return "native" if kind == "overlayfs" else "overlayfs"


def wait(layout: Layout, daemons: Daemons) -> None:
    """Wait until containerd takes images."""
    probe = ["ctr", "--address", str(layout.containerd_socket), "version"]

    def answers() -> bool:
        return (
            layout.containerd_socket.exists() and not subprocess.run(probe, capture_output=True, check=False).returncode
        )

    daemons.wait("containerd to answer", answers, seconds=60)


def load(layout: Layout, archive: Path) -> None:
    """Import an image archive (OCI or Docker) under the names that it carries."""
    command = [*_images(layout), "import", str(archive)]
    run(in_namespace(command), "is the node up, and is this an OCI or Docker image archive?")


def name_image(layout: Layout, reference: str, name: str) -> None:
    """Give an image one more name; one whose first part is no host is the kubelet's `docker.io/…`."""
    host = name.partition("/")[0]
    whole = name if host == "localhost" or "." in host or ":" in host else f"docker.io/{name}"
    run(in_namespace([*_images(layout), "tag", "--force", reference, whole]), "is the node up, and has it this image?")


def _images(layout: Layout) -> list[str]:
    return ["ctr", "--address", str(layout.containerd_socket), "--namespace", "k8s.io", "images"]


def load_busybox(layout: Layout) -> None:
    """Load the small images that every node has, all made of the machine's static busybox."""
    archive = layout.root / "busybox.tar"
    busybox = Path("/bin/busybox").read_bytes()
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    layer = _layer(busybox, applets)
    with tarfile.open(archive, "w") as tar:
        manifest = []
        for name, entrypoint in ENTRYPOINTS.items():
            config = json.dumps(_config(layer, entrypoint)).encode()
            file = f"{sha256(config).hexdigest()}.json"
            _add(tar, file, config)
            manifest.append({"Config": file, "RepoTags": [name], "Layers": ["layer.tar"]})
        _add(tar, "layer.tar", layer)
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    load(layout, archive)
    archive.unlink()


def _layer(busybox: bytes, applets: list[str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        _add(tar, "bin/busybox", busybox, mode=0o755)
        for applet in sorted({*applets, "sh"} - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
        _add(tar, "etc/passwd", b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    return data.getvalue()


def _config(layer: bytes, entrypoint: list[str]) -> dict[str, object]:
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    # KServe's own initializer runs as 1000; a pod with runAsNonRoot takes no image that says nothing
    runs = {"Entrypoint": entrypoint, "User": "1000:1000"} if entrypoint else {"Cmd": ["/bin/sh"]}
    return {
        "architecture": architecture,
        "os": "linux",
        "config": {**runs, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer).hexdigest()}"]},
    }


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))
