"""From `spec.model.source` to one ONNX file on this machine, checked against its digest."""

import hashlib
from pathlib import Path
from urllib.parse import unquote

from gpux_api.v1alpha1 import ModelSourceSpec
from gpux_predictor.engine import storage
from gpux_predictor.engine.download import Progress
from gpux_predictor.engine.uris import shown
from gpux_predictor.errors import LoadError, LoadReason


def root(source: ModelSourceSpec, manifest_dir: Path, model_dir: Path | None, progress: Progress) -> Path:
    """What `spec.model.source.uri` means on this machine: a folder, or the file itself; fetched first if it is not here.

    Args:
        source: where the manifest says the files are.
        manifest_dir: what a relative file:// location is relative to.
        model_dir: where the source's files already are on this machine (`/mnt/models` in a pod); a folder, or the file itself.
        progress: told the bytes of a download so far and in all; what it raises ends the download.

    Raises:
        LoadError: SourceUnsupported, DownloadFailed, or of a download also what `find` and `verify` raise.
    """
    if model_dir is not None:
        return model_dir
    if source.uri.partition("://")[0] not in storage.SCHEMES:
        return _local(source, manifest_dir)

    def check(folder: Path) -> None:
        file = find(folder, source)
        if source.sha256 is not None:
            verify(digest(file), source.sha256, file)

    return storage.fetch(source, storage.cache_folder(), progress, check)


def find(root: Path, source: ModelSourceSpec) -> Path:
    """The ONNX file in a root.

    Raises:
        LoadError: ModelFileNotFound.
    """
    if not root.exists():
        raise LoadError(
            LoadReason.MODEL_FILE_NOT_FOUND, f"{root} does not exist: check spec.model.source.uri ({shown(source.uri)})"
        )
    if root.is_dir():
        return _inside(root, source)
    if source.path is not None and Path(source.path).name != root.name:
        raise LoadError(
            LoadReason.MODEL_FILE_NOT_FOUND,
            f"{root} is a file, not a folder with {source.path}: remove spec.model.source.path",
        )
    return root


def companion(root: Path, path: str) -> Path:
    """Another file of the source, such as its tokenizer: relative to the root, or beside the file that is the root.

    Raises:
        LoadError: ModelFileNotFound.
    """
    folder = root if root.is_dir() else root.parent
    file = folder / path
    if not file.is_file():
        raise LoadError(LoadReason.MODEL_FILE_NOT_FOUND, f"{path} is not in the source, which has {_listing(folder)}")
    return file


def _local(source: ModelSourceSpec, manifest_dir: Path) -> Path:
    scheme, _, location = source.uri.partition("://")
    if scheme != "file":
        raise LoadError(
            LoadReason.SOURCE_UNSUPPORTED,
            f"{scheme}:// is not read from here; on this machine pass --model-dir with the folder that holds the files",
        )
    return manifest_dir / unquote(location)


def _inside(folder: Path, source: ModelSourceSpec) -> Path:
    if source.path is not None:
        file = folder / source.path
        if not file.is_file():
            raise LoadError(
                LoadReason.MODEL_FILE_NOT_FOUND,
                f"{source.path} is not in {shown(source.uri)}, which has {_listing(folder)}",
            )
        return file
    found = [path for path in _files(folder) if path.suffix == ".onnx"]
    if len(found) != 1:
        what = "no *.onnx file" if not found else f"{len(found)} *.onnx files ({_names(found, folder)})"
        hint = f"it has {_listing(folder)}" if not found else "name one in spec.model.source.path"
        raise LoadError(LoadReason.MODEL_FILE_NOT_FOUND, f"{shown(source.uri)} holds {what}: {hint}")
    return found[0]


def _listing(folder: Path) -> str:
    return _names(_files(folder), folder) or "no files"


def _files(folder: Path) -> list[Path]:
    """The files below a folder, without hidden ones: `..data` of a mounted ConfigMap, `._x` of a Mac, `.cache` of a hub."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _names(paths: list[Path], folder: Path) -> str:
    names = [str(path.relative_to(folder)) for path in paths[:10]]
    return ", ".join(names) + (f" and {len(paths) - 10} more" if len(paths) > 10 else "")


def digest(file: Path) -> str:
    """The SHA-256 of a file, in lower-case hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(found: str, expected: str | None, file: Path) -> None:
    """Holds a file's digest against the manifest's.

    Raises:
        LoadError: ChecksumMismatch.
    """
    if expected is not None and found != expected:
        raise LoadError(
            LoadReason.CHECKSUM_MISMATCH,
            f"{file.name} has SHA-256 {found}, spec.model.source.sha256 wants {expected}: fix the manifest or the file",
        )
