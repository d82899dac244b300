"""The files of the page, read once: HTML, CSS, ES modules. What is sent is what is in `assets`, there is no build step."""

import hashlib
from dataclasses import dataclass
from importlib import resources

INDEX = "index.html"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True)
class File:
    """A file as it is sent.

    Attributes:
        tag: the ETag, of the content alone: replicas and reproducible images agree on it, and another release changes it.
    """

    content: bytes
    media_type: str
    tag: str


def made(content: bytes, kind: str) -> File:
    """A file of this content; `kind` is the ending of its name.

    Raises:
        KeyError: a kind that the page has no use for.
    """
    return File(content, _TYPES[kind], f'"{hashlib.sha256(content).hexdigest()[:20]}"')


def read() -> dict[str, File]:
    """All files of the page, by name."""
    folder = resources.files(__package__) / "assets"
    return {item.name: made(item.read_bytes(), item.name.rpartition(".")[2]) for item in folder.iterdir()}
