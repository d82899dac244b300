"""How often a child is set back to the same intent: at once at first, then more and more slowly while somebody insists.

Another controller that wants a field otherwise, and each other's writes as the signal to write, would else make as many
writes a second as the API server takes. This is the one thing that is remembered between passes; a restart forgets it, and
the first few repairs are free again.
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime

from gpux_operator.build.metadata import MANAGER, Manifest, digest
from gpux_operator.engine.queue import Key

FREE = 4
"""Writes of one intent without a pause: that of the intent itself, and three repairs."""
FIRST_SECONDS, LONGEST_SECONDS = 2.0, 60.0
QUIET_SECONDS = 20.0


@dataclass(frozen=True)
class _Child:
    """What is known of a child: its intent, how often and when it was written last, over whose writes, and if one waits since."""

    intent: str
    count: int
    last: datetime
    by: str
    waits: bool = False

    @property
    def pause(self) -> float:
        """Seconds after the last write until the next one."""
        return min(FIRST_SECONDS * 2 ** min(self.count - FREE, 10), LONGEST_SECONDS) if self.count >= FREE else 0.0

    @property
    def quiet(self) -> float:
        """Seconds without a repair after which nobody insists any more."""
        return max(QUIET_SECONDS, 2 * self.pause)


class Repairs:
    """The children of all models. Safe to use from many threads, by one a model at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[Key, dict[str, _Child]] = {}

    def __len__(self) -> int:
        """Models that something is remembered of."""
        with self._lock:
            return len(self._models)

    def may(self, key: Key, stored: Manifest, desired: Manifest, now: datetime) -> bool:
        """Whether `stored` may be set to `desired` now; `done` says that it was."""
        with self._lock:
            child = self._insisted(key, desired, now)
            if child is None or _age(child, now) >= child.pause:
                return True
            self._models[key][_name(desired)] = replace(child, waits=True, by=_other(stored))
            return False

    def done(self, key: Key, stored: Manifest, desired: Manifest, now: datetime) -> None:
        """`stored` was set to `desired`. What the API server refused is no repair, and is tried again as any request."""
        with self._lock:
            child = self._insisted(key, desired, now)
            count = 1 if child is None else child.count + 1
            self._models.setdefault(key, {})[_name(desired)] = _Child(digest(desired, 16), count, now, _other(stored))

    def contested(self, key: Key, now: datetime) -> tuple[str, float] | None:
        """Who insists on what, and when to look again in seconds; None if nobody does."""
        with self._lock:
            children = dict(self._models.get(key, {}))
        for name, child in children.items():
            left = child.quiet - _age(child, now)
            if (child.waits or child.count > FREE) and left > 0:
                wait = child.pause - _age(child, now)
                return f"{child.by} keeps changing {name}", (wait if wait > 0 else left) + 0.1
        return None

    def _insisted(self, key: Key, desired: Manifest, now: datetime) -> _Child | None:
        """The child if it was written for this intent lately."""
        child = self._models.get(key, {}).get(_name(desired))
        if child is None or child.intent != digest(desired, 16) or _age(child, now) > child.quiet:
            return None
        return child

    def forget(self, key: Key) -> None:
        """The model is gone."""
        with self._lock:
            self._models.pop(key, None)


@dataclass(frozen=True)
class Turn:
    """The repairs of one pass over one model."""

    repairs: Repairs
    key: Key
    now: datetime

    def may(self, stored: Manifest, desired: Manifest) -> bool:
        """Whether `stored` may be set to `desired` now."""
        return self.repairs.may(self.key, stored, desired, self.now)

    def done(self, stored: Manifest, desired: Manifest) -> None:
        """`stored` was set to `desired`."""
        self.repairs.done(self.key, stored, desired, self.now)

    def contested(self) -> tuple[str, float] | None:
        """Who insists on what, and when to look again in seconds."""
        return self.repairs.contested(self.key, self.now)


def _name(child: Manifest) -> str:
    return f"{child['kind']} {child['metadata']['name']}"


def _age(child: _Child, now: datetime) -> float:
    return (now - child.last).total_seconds()


def _other(stored: Manifest) -> str:
    """Who wrote last, beside the operator and the status; the name is the field manager's."""
    entries = [
        entry
        for entry in stored["metadata"].get("managedFields") or ()
        if entry.get("manager") != MANAGER and not entry.get("subresource")
    ]
    latest: Manifest = max(entries, key=lambda entry: str(entry.get("time", "")), default={})
    return str(latest.get("manager") or "somebody")
