"""What passes read and wrote comes back as events of the watches, which then say nothing new.

A version names one state of one object in the whole cluster, so an event with the version of an answer that a pass got is that
answer again; a pass that fails afterwards is tried again anyhow. Without this every pass that writes would be followed by
one that finds nothing to do. Lists don't count: a resync reads models without a pass over them.
"""

import threading

KEPT = 10_000


class Echoes:
    """The versions of the latest answers; safe to use from many threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._versions: dict[str, None] = {}  # in order of arrival

    def add(self, version: str) -> None:
        """A pass got this version as an answer."""
        with self._lock:
            self._versions.pop(version, None)
            self._versions[version] = None
            if len(self._versions) > self._kept:
                del self._versions[next(iter(self._versions))]

    def __contains__(self, version: object) -> bool:
        """Whether an event of that version says nothing new."""
        with self._lock:
            return version in self._versions
