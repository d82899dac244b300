"""What the API server asks of any object's metadata, which no schema of ours says.

Sources: k8s.io/apimachinery, pkg/api/validation/objectmeta.go and pkg/util/validation/validation.go.
"""

import re
from collections.abc import Iterator
from typing import Any

from gpux_api.manifests import Problem

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_ANNOTATIONS_BYTES = 256 * 1024


def metadata_problems(metadata: dict[str, Any]) -> Iterator[Problem]:
    """All problems of an object's namespace, labels and annotations.

    Args:
        metadata: as YAML holds it.
    """
    namespace = metadata.get("namespace")
    if isinstance(namespace, str) and not _NAMESPACE.fullmatch(namespace):
        yield Problem(
            "metadata.namespace", f"{namespace!r} is no name of a namespace: lower-case letters, digits and '-' only"
        )
    for field in ("labels", "annotations"):
        entries = metadata.get(field)
        if entries is None:
            continue
        if not isinstance(entries, dict):
            yield Problem(f"metadata.{field}", f"expected names with texts, found {type(entries).__name__}")
            continue
        yield from _entries(field, entries)


def _entries(field: str, entries: dict[Any, Any]) -> Iterator[Problem]:
    size = 0
    for key, value in entries.items():
        where = f"metadata.{field}.{key}"
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            yield Problem(
                where, "the name must be letters, digits, '-', '_' and '.', at most 63, behind an optional domain/"
            )
        if value is None:
            continue  # the API server stores an empty text
        if not isinstance(value, str):
            yield Problem(where, f"must be text, found {type(value).__name__}: put it into quotes")
        elif field == "labels" and not _LABEL.fullmatch(value):
            yield Problem(
                where,
                f"{value!r} is no label: at most 63 letters, digits, '-', '_' and '.', beginning and ending with one",
            )
        else:
            size += len(str(key).encode()) + len(value.encode())
    if field == "annotations" and size > _ANNOTATIONS_BYTES:
        yield Problem("metadata.annotations", f"have {size} bytes, at most {_ANNOTATIONS_BYTES} are stored")
