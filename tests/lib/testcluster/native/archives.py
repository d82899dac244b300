"""What is in an image archive, as a container would see it."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"


def config(archive: Path) -> dict[str, Any]:
    """The image's configuration (`User`, `Env`, `Healthcheck`, …) from a Docker archive."""
    with tarfile.open(archive) as tar:
        found: dict[str, Any] = json.loads(_read(tar, _manifest(tar)["Config"]))["config"]
        return found


def files(archive: Path) -> dict[str, str]:
    """Every path of the image's file system with its type, mode, owner and content (a SHA-256), but without its times."""
    found: dict[str, str] = {}
    for layer, member in _members(archive):
        path = PurePosixPath(member.name)
        if path.name.startswith(WHITEOUT):
            _remove(found, path)
            continue
        content = member.linkname
        if member.isfile() and (data := layer.extractfile(member)) is not None:
            content = hashlib.sha256(data.read()).hexdigest()
        found[str(path)] = f"{member.type.decode()} {member.mode:o} {member.uid}:{member.gid} {content}"
    return found


def read(archive: Path, path: str) -> bytes:
    """The content of one file (the last layer that has it).

    Raises:
        KeyError: no layer has it.
    """
    found: bytes | None = None
    for layer, member in _members(archive):
        if member.name == path and (data := layer.extractfile(member)) is not None:
            found = data.read()
    if found is None:
        raise KeyError(path)
    return found


def layers(archive: Path) -> list[int]:
    """The bytes of each layer, the base's first."""
    with tarfile.open(archive) as tar:
        return [tar.getmember(name).size for name in _manifest(tar)["Layers"]]


def _members(archive: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    with tarfile.open(archive) as tar:
        for name in _manifest(tar)["Layers"]:
            with tarfile.open(fileobj=tar.extractfile(name)) as layer:
                for member in layer:
                    yield layer, member


def _remove(found: dict[str, str], whiteout: PurePosixPath) -> None:
    """Forget what a later layer has removed: a path and all below it, or all that is below the folder."""
    opaque = whiteout.name == OPAQUE
    gone = str(whiteout.parent if opaque else whiteout.parent / whiteout.name.removeprefix(WHITEOUT))
    for path in [path for path in found if path.startswith(f"{gone}/") or (path == gone and not opaque)]:
        del found[path]


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    [found] = json.loads(_read(tar, "manifest.json"))
    return dict(found)


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()
