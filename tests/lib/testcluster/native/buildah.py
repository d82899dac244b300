"""buildah, and the base image that it builds on: a small Debian with Python, made here."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from testcluster.native import packages, pip_settings
from testcluster.native.errors import NodeError, progress, run
from testcluster.tools import cache_folder

REPOSITORY = Path(__file__).resolve().parents[4]
SUITE = "bookworm"
BASE_PACKAGES = "python3,python3-venv,ca-certificates"
LEFT_OUT = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")
"""As debian:slim leaves it out, which python:slim is made of. What dpkg knows of its packages, and their licences, stay."""
BUILD = ("bud", "--format=docker", "--isolation=chroot", "--network=host")  # OCI's format has no health check
BASE_DIGEST = hashlib.sha256(f"{SUITE} {BASE_PACKAGES} {LEFT_OUT}".encode()).hexdigest()[:12]


class Buildah:
    """buildah with a storage of its own in the cache folder.

    Raises:
        NodeError: this user cannot build images, or it is not installed and cannot be.
    """

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise NodeError("images are built as root, since debootstrap and chroot need it", "use root or sudo")
        packages.ensure(packages.BUILD)
        self._root = cache_folder() / "buildah"
        self._root.mkdir(parents=True, exist_ok=True)
        kind = subprocess.run(["stat", "-f", "-c", "%T", self._root], capture_output=True, text=True, check=False)
        # overlay shares layers between images; it cannot be stacked on another overlay, where vfs copies each whole
        driver = os.environ.get("STORAGE_DRIVER") or ("vfs" if kind.stdout.strip() == "overlayfs" else "overlay")
        self._command = ["buildah", f"--storage-driver={driver}", f"--root={self._root}", f"--runroot={self._root}/run"]
        self.run("rm", "--all")  # containers of a build that was killed

    def run(self, *arguments: str | Path) -> str:
        """Run buildah; returns its output."""
        return run(
            [*self._command, *arguments], "see what it says; `rm -r` of the buildah folder in the cache starts afresh"
        )

    def base(self, folder: Path) -> str:
        """The base image: a small Debian with Python, made once."""
        reference = f"localhost/gpux-base:{BASE_DIGEST}"
        if self.run("images", "--filter", f"reference={reference}", "--quiet").strip():
            return reference
        archive = base_archive(folder)
        container = self.run("from", "scratch").strip()
        self.run("add", "--quiet", container, archive, "/")
        self.run("commit", "--quiet", "--rm", container, reference)
        return reference

    def build_on(self, archive: Path, context: Path, reference: str, written: Path) -> None:
        """Build the Dockerfile of a folder on an image that is in an archive, and write the result to another archive."""
        base = self.run("pull", "--quiet", f"docker-archive:{archive}").strip()
        try:
            self.run(*BUILD, "--quiet", f"--from={base}", f"--tag={reference}", context)
            self.run("push", "--quiet", reference, f"docker-archive:{written}:{reference}")
        finally:
            self.run("rmi", "--force", reference)

    def build(self, name: str, reference: str, base: str, work: Path, *, afresh: bool = False) -> None:
        """Build one Dockerfile, saying which step it is at; `afresh`: without the layers of earlier builds."""
        command = [*self._command, *BUILD, "--no-cache" if afresh else "--layers", f"--build-arg=BASE={base}"]
        command += [f"--file={name}/Dockerfile", f"--tag={reference}", *pip_settings.volumes(work), "."]
        log = work.parent / f"build-{name}.log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as process,
        ):
            for line in process.stdout or ():
                output.write(line)
                if "STEP" in line and ": RUN" in line:
                    progress(f"image {name}: {line.strip()[:110]}")
        if process.returncode:
            remedy = f"see {log}, and check that pip reaches its index with the settings of `pip config list`"
            raise NodeError.with_log(f"building the {name} image failed", remedy, log)


def base_archive(folder: Path) -> Path:
    """The base image's files in a tar archive in this folder, made once."""
    archive = folder / f"base-{BASE_DIGEST}.tar"
    if not archive.exists():
        packages.ensure(packages.BUILD)
        _debootstrap(archive)
    return archive


def _debootstrap(archive: Path) -> None:
    progress(f"base image: debootstrap {SUITE} (a minute)")
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".base-") as work:
        tree = Path(work) / "tree"
        make: list[str | Path] = ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, tree]
        run(make, "does this machine reach its Debian mirror? debootstrap's own log is in its output")
        for part in ("var/cache/apt/archives", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(tree / part, ignore_errors=True)
            (tree / part).mkdir(parents=True)
        for part in LEFT_OUT:
            _leave_out(tree / part)
        partial = Path(work) / "base.tar"
        run(["tar", "--directory", tree, "--numeric-owner", "--create", "--file", partial, "."], "is the disk full?")
        partial.rename(archive)


def _leave_out(folder: Path) -> None:
    """Empty a folder, but for the licences."""
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            if name != "copyright":
                (Path(path) / name).unlink()
        if not any(Path(path).iterdir()):
            Path(path).rmdir()
    folder.mkdir(exist_ok=True)
