"""From what stands on the command line to YAML documents that know where they are from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import yaml

from gpux_api.manifests import not_yaml
from gpux_api.v1alpha1 import KIND

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Source:
    """A document's place.

    Attributes:
        file: as the user named it, `stdin` for `-`.
        document: its number in the file from 1; 0 is the file itself.
        item: its number in a `kind: List` from 0; None elsewhere.
    """

    file: str
    document: int = 0
    item: int | None = None

    def __str__(self) -> str:
        item = "" if self.item is None else f":items[{self.item}]"
        return f"{self.file}:{self.document}{item}" if self.document else self.file


@dataclass(frozen=True)
class Document:
    """A GpuxModel, or something that stands where one is expected."""

    source: Source
    content: Any


@dataclass(frozen=True)
class Unread:
    """A file that gave no document, and why."""

    source: Source
    message: str


def read(names: Sequence[str], stdin: TextIO) -> Iterator[Document | Unread]:
    """The GpuxModels of files, folders and standard input; objects of other kinds are passed over.

    Args:
        names: files; folders, which are searched for *.yaml, *.yml and *.json with all that is below them; `-`.
        stdin: what `-` reads.
    """
    for name in names:
        if name == STDIN:
            yield from _models("stdin", stdin)
        elif Path(name).is_dir():
            files = sorted(p for p in Path(name).rglob("*") if p.suffix in SUFFIXES and p.is_file())
            found = [item for file in files for item in _open(str(file)) if not _is_empty(item)]
            yield from found or [Unread(Source(name), f"holds no {KIND}")]
        else:
            yield from _open(name)


def _open(name: str) -> Iterator[Document | Unread]:
    try:
        with Path(name).open(encoding="utf-8") as stream:
            yield from _models(name, stream)
    except OSError as error:
        yield Unread(Source(name), str(error.strerror))


def _is_empty(item: Document | Unread) -> bool:
    return isinstance(item, Unread) and item.message == f"holds no {KIND}"


def _models(name: str, stream: TextIO) -> Iterator[Document | Unread]:
    try:
        contents = list(yaml.safe_load_all(stream))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        yield Unread(Source(name), not_yaml(error))
        return
    found = [
        Document(Source(name, number, place), item)
        for number, content in enumerate(contents, 1)
        for place, item in _items(content)
        if not isinstance(item, dict) or item.get("kind") == KIND
    ]
    yield from found
    if not found:
        yield Unread(Source(name), f"holds no {KIND}")


def _items(content: object) -> list[tuple[int | None, Any]]:
    """The object itself, or the items of a `kind: List` (as `kubectl get -o yaml` writes it) with their places."""
    if content is None:
        return []
    items = content.get("items") if isinstance(content, dict) and content.get("kind") == "List" else None
    return list(enumerate(items)) if isinstance(items, list) else [(None, content)]
