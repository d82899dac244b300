"""Builds the operator's and the predictor's images without Docker or a registry: buildah, on a Debian made here.

Two levels of cache: an image archive is kept for each content (Dockerfile, constraints, sources), and buildah keeps the
layers, so an edit to the sources rebuilds only the small layer that they are in.
"""

import fcntl
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testcluster.native.buildah import BASE_DIGEST, REPOSITORY, Buildah
from testcluster.native.errors import progress
from testcluster.tools import cache_folder

NAMES = ("operator", "predictor")
IGNORED = {"__pycache__"}  # as .dockerignore has it
IGNORED_AT_THE_TOP = {"build", "dist"}
KEPT_ARCHIVES = 2


@dataclass(frozen=True)
class Image:
    """One built image: where its archive is, and the name that it carries there."""

    repository: str
    tag: str
    archive: Path

    @property
    def reference(self) -> str:
        return f"{self.repository}:{self.tag}"


def build(names: Sequence[str] = NAMES) -> dict[str, Image]:
    """The images of these programs, built where the cache has none for the present content."""
    folder = cache_folder() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:  # two runs at once would build the same twice
        fcntl.flock(lock, fcntl.LOCK_EX)
        return {name: _build(name, folder) for name in names}


def _build(name: str, folder: Path) -> Image:
    tag = content_digest(name)
    image = Image(f"localhost/gpux-{name}", tag, folder / f"gpux-{name}-{tag}.tar")
    if not image.archive.exists():
        started = time.monotonic()
        buildah = Buildah()
        with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as work:
            buildah.build(name, image.reference, buildah.base(folder), Path(work))
            partial = Path(work) / "image.tar"
            progress(f"image {name}: writing the archive")
            buildah.run("push", "--quiet", image.reference, f"docker-archive:{partial}:{image.reference}")
            partial.rename(image.archive)
        size = image.archive.stat().st_size / 1e6
        progress(f"image {name}: built in {time.monotonic() - started:.0f} s, {size:.0f} MB")
    _forget_old(folder, name)
    return image


def _forget_old(folder: Path, name: str) -> None:
    archives = sorted(folder.glob(f"gpux-{name}-*.tar"), key=lambda file: file.stat().st_mtime)
    for old in archives[:-KEPT_ARCHIVES]:
        old.unlink()


def build_again(name: str, written: Path) -> None:
    """Build a program's image without the layers of earlier builds, into an archive."""
    reference = f"localhost/gpux-{name}:again"
    folder = cache_folder() / "images"
    with (folder / ".lock").open("w") as lock, tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as work:
        fcntl.flock(lock, fcntl.LOCK_EX)
        buildah = Buildah()
        buildah.build(name, reference, buildah.base(folder), Path(work), afresh=True)
        buildah.run("push", "--quiet", reference, f"docker-archive:{written}:{reference}")
        buildah.run("rmi", "--force", reference)


def build_on(image: Image, context: Path, reference: str, written: Path) -> None:
    """Build the Dockerfile in a folder on one of our images, into an archive. Whatever its FROM names, it is that image."""
    with (cache_folder() / "images" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Buildah().build_on(image.archive, context, reference, written)


def healthcheck(name: str) -> list[str]:
    """The command of the HEALTHCHECK in a program's Dockerfile."""
    text = (REPOSITORY / name / "Dockerfile").read_text().replace("\\\n", "")
    found: list[str] = json.loads(re.findall(r"^HEALTHCHECK .*? CMD (\[.*\])$", text, re.M)[0])
    return found


def content_digest(name: str) -> str:
    """What the image is made of, in short."""
    digest = hashlib.sha256(BASE_DIGEST.encode())
    for file in _inputs(name):
        digest.update(f"{file.relative_to(REPOSITORY)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _inputs(name: str) -> Iterator[Path]:
    yield REPOSITORY / ".dockerignore"
    for part in ("crds", name):
        root = REPOSITORY / part
        for path, folders, files in os.walk(root):
            ignored = IGNORED | (IGNORED_AT_THE_TOP if Path(path) == root else set())
            folders[:] = sorted(name for name in folders if name not in ignored and not name.endswith(".egg-info"))
            yield from (Path(path) / file for file in sorted(files))
