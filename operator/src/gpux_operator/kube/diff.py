"""Whether a stored object already carries what is wanted, so that nothing needs to be sent.

Two halves, as for a server-side apply: each wanted field has its value, and the operator owns no field that is not wanted
any more (it would have to be removed). A false alarm costs one request that changes nothing, so lists are simply compared
item by item.
"""

import json
from typing import Any

from gpux_operator.build.metadata import MANAGER, Manifest


def carries(live: Manifest, desired: Manifest) -> bool:
    """Whether applying `desired` would change nothing in `live`."""
    owned = _owned(live)
    return owned is not None and _contains(live, desired) and _is_wanted(owned, desired)


def _owned(live: Manifest) -> Manifest | None:
    """The operator's fields, as metadata.managedFields tells; None if it never applied the object."""
    for entry in live.get("metadata", {}).get("managedFields") or ():
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry.get("fieldsV1") or {}
    return None


def _contains(live: Any, desired: Any) -> bool:  # noqa: ANN401  (any JSON value)
    if isinstance(desired, dict):
        return isinstance(live, dict) and all(
            key in live and _contains(live[key], value) for key, value in desired.items()
        )
    if isinstance(desired, list):
        return isinstance(live, list) and len(live) == len(desired) and all(map(_contains, live, desired))
    return type(live) is type(desired) and bool(live == desired)


def _is_wanted(owned: Manifest, desired: Any) -> bool:  # noqa: ANN401
    """Walks the owned fields (FieldsV1: `f:` field, `k:` list item by keys, `v:` set item, `.` itself) along `desired`."""
    return all(_entry_is_wanted(path, below, desired) for path, below in owned.items())


def _entry_is_wanted(path: str, below: Manifest, desired: Any) -> bool:  # noqa: ANN401
    kind, _, rest = path.partition(":")
    if kind == "f":
        return isinstance(desired, dict) and rest in desired and _is_wanted(below, desired[rest])
    if kind == "k":
        keys = json.loads(rest)
        items = [item for item in desired if keys.items() <= item.items()] if isinstance(desired, list) else []
        return bool(items) and _is_wanted(below, items[0])
    if kind == "v":
        return isinstance(desired, list) and json.loads(rest) in desired
    return True
