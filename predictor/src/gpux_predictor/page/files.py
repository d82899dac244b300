"""The files of the page, read once: HTML, CSS, ES modules. What is sent is what is in `assets`, there is no build step.

Only what the two pages share is put in for a line `<!-- shared-….html -->`.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib import resources

INDEX, REFERENCE = "index.html", "docs.html"
_SHARED = re.compile(rb"^<!-- (shared-\w+\.html) -->\n", re.MULTILINE)
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
    """All files of the page, by name.

    Raises:
        KeyError: a page asks for a shared part that there is not.
    """
    found = {item.name: item.read_bytes() for item in (resources.files(__package__) / "assets").iterdir()}
    shared = {name.encode(): found.pop(name) for name in list(found) if name.startswith("shared-")}
    for name in (INDEX, REFERENCE):
        found[name] = _SHARED.sub(lambda line: shared[line[1]], found[name])
    return {name: made(content, name.rpartition(".")[2]) for name, content in found.items()}
