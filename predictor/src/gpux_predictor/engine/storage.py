"""Model files from s3, gs, hf and https where no KServe fetches them, kept in the user's cache folder.

Each version of a source is a folder of its own that appears whole or not at all: `models/<of the uri>/<of the version>`. A
version is the manifest's sha256, or else what the store says of its files (ETag, generation, commit); a store that says nothing
is asked for the files each time.
"""

import hashlib
import importlib.util
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gpux_api.v1alpha1 import ModelSourceSpec
from gpux_predictor.engine.download import TICK_SECONDS, Download, DownloadFailed, Progress
from gpux_predictor.engine.uris import shown
from gpux_predictor.errors import LoadError, LoadReason

logger = logging.getLogger(__name__)

ATTEMPTS, BACKOFF_SECONDS = 3, 1.0
_STALE_SECONDS = 24 * 3600.0
"""Older versions and the remains of downloads that were cut off are removed after this time without use."""
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL of another store than AWS)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "hf": "HF_TOKEN",
    "https": "a header in the variable <host>-headers",
}
SCHEMES = tuple(_CREDENTIALS)


def cache_folder() -> Path:
    """Where fetched models are kept: `models` in `$GPUX_CACHE`, or in `gpux` of the user's cache folder."""
    if chosen := os.environ.get("GPUX_CACHE"):
        return Path(chosen).expanduser().absolute() / "models"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "gpux" / "models"


def fetch(
    source: ModelSourceSpec, cache: Path, progress: Progress, check: Callable[[Path], None], *, older: bool = True
) -> Path:
    """The folder with the files of a source, from the cache or the store.

    Args:
        source: a source of one of `SCHEMES`.
        cache: the folder of all fetched models.
        progress: told the bytes so far, and all bytes where the store says how many, a few times a second. What it raises ends
            the download and is raised here.
        check: raises LoadError for a folder that is not what the manifest means; such a folder is not kept.
        older: whether a copy fetched before will do where the store cannot be reached.

    Raises:
        LoadError: SourceUnsupported without the package kserve-storage, DownloadFailed, or what `check` raises.
    """
    home = cache / _short(source.uri)
    if source.sha256 is not None and _passes(home / source.sha256, check):
        return _used(home / source.sha256)
    _require_client(source.uri)
    try:
        folder = _with_retries(source, home, progress, check, older=older)
        _tidy(home, folder)
    finally:
        with suppress(OSError):
            home.rmdir()  # if nothing is in it
    return folder


def _with_retries(
    source: ModelSourceSpec, home: Path, progress: Progress, check: Callable[[Path], None], *, older: bool
) -> Path:
    for attempt in range(ATTEMPTS):
        try:
            return _attempt(source, home, progress, check)
        except DownloadFailed as error:
            failure = error
            if not error.transient:
                break
            logger.warning("%s: %s (try %d of %d)", shown(source.uri), error.answer, attempt + 1, ATTEMPTS)
            _pause(BACKOFF_SECONDS * 2**attempt if attempt + 1 < ATTEMPTS else 0, progress)
    if older and failure.transient and (kept := _newest(home, check)) is not None:
        logger.warning("%s: %s; the copy fetched before is used", shown(source.uri), failure.answer)
        return kept
    raise LoadError(
        LoadReason.DOWNLOAD_FAILED,
        f"{shown(source.uri)} could not be fetched: {failure.answer.rstrip('.')}: check spec.model.source.uri, the network, and the "
        f"credentials in the environment: {_CREDENTIALS[source.uri.partition('://')[0]]}",
    )


def _require_client(uri: str) -> None:
    if importlib.util.find_spec("kserve_storage") is None:
        scheme = uri.partition("://")[0]
        raise LoadError(
            LoadReason.SOURCE_UNSUPPORTED,
            f"{scheme}:// needs the package kserve-storage on this machine: pip install 'gpux-predictor[storage]', "
            "or pass --model-dir with the folder that holds the files",
        )


def _attempt(source: ModelSourceSpec, home: Path, progress: Progress, check: Callable[[Path], None]) -> Path:
    with _writing(home):
        home.mkdir(parents=True, exist_ok=True)
        part = tempfile.TemporaryDirectory(prefix=".part-", dir=home, ignore_cleanup_errors=True)
    with part:
        folder = Path(part.name, "files")
        folder.mkdir()
        with Download(source.uri, folder, progress) as download:
            version = download.version()
            kept = home / (source.sha256 or _short(version or "unknown"))
            if source.sha256 is None and version is not None and _passes(kept, check):
                return _used(kept)
            download.run()
        check(folder)
        with _writing(home):
            return _keep(folder, kept, Path(part.name, "replaced"))


@contextmanager
def _writing(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LoadError(
            LoadReason.DOWNLOAD_FAILED,
            f"files cannot be kept in {home}: {error.strerror}: set GPUX_CACHE to a folder that can be written",
        ) from None


def _keep(folder: Path, kept: Path, replaced: Path) -> Path:
    if kept.exists():
        kept.rename(replaced)
    folder.rename(kept)
    return kept


def _tidy(home: Path, kept: Path) -> None:
    for entry in home.iterdir():
        if entry != kept and time.time() - entry.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(entry, ignore_errors=True)


def _passes(folder: Path, check: Callable[[Path], None]) -> bool:
    try:
        if folder.is_dir():
            check(folder)
            return True
    except LoadError as error:
        logger.warning("%s is fetched again: %s", folder, error.message)
    return False


def _used(folder: Path) -> Path:
    os.utime(folder)
    return folder


def _pause(seconds: float, progress: Progress) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        progress(0, None)
        time.sleep(TICK_SECONDS)


def _newest(home: Path, check: Callable[[Path], None]) -> Path | None:
    """The newest copy there is, for where the store cannot be reached at all, as on a laptop without a network."""
    kept = sorted(
        (entry for entry in home.iterdir() if not entry.name.startswith(".")), key=lambda e: e.stat().st_mtime
    )
    return kept[-1] if kept and _passes(kept[-1], check) else None


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
