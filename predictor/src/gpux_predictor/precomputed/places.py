"""Where the table of entities and the folder of the results are on this machine."""

import http.client
import json
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gpux_api.v1alpha1 import ModelSourceSpec
from gpux_predictor.engine import storage
from gpux_predictor.engine.uris import redacted, shown
from gpux_predictor.errors import LoadError
from gpux_predictor.precomputed.errors import OutputError, TableError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
_TIMEOUT_SECONDS = 60


@contextmanager
def table(uri: str, manifest_dir: Path) -> Iterator[Path]:
    """The table's file while the block runs; fetched first if it is not here.

    Args:
        uri: `file://`, `s3://`, `gs://`, `https://`, or a path.
        manifest_dir: what a relative file:// location is relative to.

    Raises:
        TableError: it is not there, cannot be fetched, or is of another format.
    """
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if not urlsplit(uri).path.endswith(SUFFIXES) and not shown(uri).endswith(SUFFIXES):
        raise TableError(f"{shown(uri) if scheme else uri}: a table is a {', '.join(SUFFIXES)} file")
    if scheme == "https":
        with tempfile.TemporaryDirectory(prefix="gpux-entities-") as folder:
            yield _download(uri, Path(folder, Path(urlsplit(uri).path).name))
    elif scheme in storage.SCHEMES:
        yield _fetched(uri)
    else:
        file = _local(uri, manifest_dir)
        if file is None:
            raise TableError(f"{scheme}:// is not read from here; on this machine pass --entities with the file")
        if not file.is_file():
            raise TableError(f"{file} is not there: check spec.batch.entities.uri, or pass --entities")
        yield file


def folder(uri: str, manifest_dir: Path, option: str = "--output") -> Path:
    """The folder of the results; it may not exist yet.

    Args:
        uri: `file://`, or a path.
        manifest_dir: what a relative file:// location is relative to.
        option: of the command line, for the words of the error.

    Raises:
        OutputError: a uri that is not read from here.
    """
    found = _local(uri, manifest_dir)
    if found is None:
        scheme = uri.partition("://")[0]
        raise OutputError(
            f"{scheme}:// is not mounted here; on this machine pass {option} with the folder of the results"
        )
    return found


def _local(uri: str, manifest_dir: Path) -> Path | None:
    scheme, separator, location = uri.partition("://")
    if not separator:
        return Path(uri)
    return manifest_dir / unquote(location) if scheme == "file" else None


def _fetched(uri: str) -> Path:
    """From an object store, by the client that fetches models; the copy stays in the user's cache folder.

    An older copy is no table of today: without the store there is none.
    """
    source, cache = ModelSourceSpec(uri=uri), storage.cache_folder()
    try:
        return _only_file(storage.fetch(source, cache, lambda *_: None, lambda _: None, older=False))
    except LoadError as error:
        raise TableError(error.message.replace("spec.model.source", "spec.batch.entities")) from None


def _only_file(found: Path) -> Path:
    files = [path for path in found.rglob("*") if path.is_file() and path.name.endswith(SUFFIXES)]
    if len(files) != 1:
        raise TableError(f"spec.batch.entities.uri leads to {len(files)} tables: name one {', '.join(SUFFIXES)} file")
    return files[0]


def _download(uri: str, file: Path) -> Path:
    """Over HTTPS, whatever the content type: kserve-storage takes nothing but application/octet-stream.

    The variable `<host>-headers` holds headers as JSON, as for models; they do not follow a redirect.
    """
    request = urllib.request.Request(uri)  # noqa: S310  (https)
    try:
        for name, value in json.loads(os.environ.get(f"{urlsplit(uri).hostname}-headers", "{}")).items():
            request.add_unredirected_header(name, value)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as reply, file.open("wb") as out:  # noqa: S310
            shutil.copyfileobj(reply, out)
            announced = reply.headers.get("Content-Length")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise TableError(f"{shown(uri)} could not be fetched: {redacted(str(error), uri)}") from None
    if announced is not None and int(announced) != file.stat().st_size:
        raise TableError(f"{shown(uri)} broke off after {file.stat().st_size} of {announced} bytes: try again")
    return file
