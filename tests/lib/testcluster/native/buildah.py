"""buildah, and the base image that it builds on: a small Debian with Python, made here."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from testcluster.native import pip_settings
from testcluster.native.errors import NodeError, progress, run
from testcluster.tools import cache_folder

REPOSITORY = Path(__file__).resolve().parents[4]
SUITE = "bookworm"
BASE_PACKAGES = "python3,python3-venv,ca-certificates"
BASE_DIGEST = hashlib.sha256(f"{SUITE} {BASE_PACKAGES}".encode()).hexdigest()[:12]


class Buildah:
    """buildah with a storage of its own in the cache folder."""

    def __init__(self) -> None:
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
        archive = folder / f"base-{BASE_DIGEST}.tar"
        if not archive.exists():
            _debootstrap(archive)
        container = self.run("from", "scratch").strip()
        self.run("add", "--quiet", container, archive, "/")
        self.run("commit", "--quiet", "--rm", container, reference)
        return reference

    def build(self, name: str, reference: str, base: str, work: Path) -> None:
        """Build one Dockerfile, saying which step it is at."""
        command = [
            *self._command,
            "bud",
            "--layers",
            "--isolation=chroot",
            "--network=host",
            f"--build-arg=BASE={base}",
        ]
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


def _debootstrap(archive: Path) -> None:
    progress(f"base image: debootstrap {SUITE} (a minute)")
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".base-") as work:
        tree = Path(work) / "tree"
        make: list[str | Path] = ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, tree]
        run(make, "does this machine reach deb.debian.org? DEBOOTSTRAP's own log is in its output")
        for part in ("var/cache/apt/archives", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(tree / part, ignore_errors=True)
            (tree / part).mkdir(parents=True)
        partial = Path(work) / "base.tar"
        run(["tar", "--directory", tree, "--numeric-owner", "--create", "--file", partial, "."], "is the disk full?")
        partial.rename(archive)
