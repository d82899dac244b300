"""A queue of keys with the semantics of client-go's workqueue.

A key is queued once however often it is added; one key never runs twice at the same time: an `add` while it runs makes it
run again after `done`. `retry` adds it with an exponential backoff that `forget` resets.
"""

import heapq
import random
import threading
import time
from collections.abc import Callable, Container
from typing import NamedTuple


class Key(NamedTuple):
    """A model."""

    namespace: str
    name: str


FIRST_RETRY, LONGEST_RETRY, JITTER = 0.1, 300.0, 0.2


class KeyQueue:
    """Thread-safe; `clock` and `jitter` (a factor) are arguments so that a test can own the time.

    `known` holds versions of objects that a pass has read or written; see `engine.echoes`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(1 - JITTER, 1 + JITTER),  # noqa: S311  (no secret)
        known: Container[str] = (),
    ) -> None:
        self._known = known
        self._clock = clock
        self._jitter = jitter
        self._changed = threading.Condition()
        self._ready: dict[Key, None] = {}  # in order of arrival
        self._idle: dict[Key, None] = {}  # taken when nothing else is ready
        self._running: set[Key] = set()
        self._again: dict[Key, set[str | None]] = {}
        self._due: dict[tuple[Key, bool], float] = {}
        self._later: list[tuple[float, Key, bool]] = []
        self._failures: dict[Key, int] = {}
        self._closed = False

    def __len__(self) -> int:
        """Keys that could run now."""
        with self._changed:
            return len(self._ready) + len(self._idle)

    def add(self, key: Key, version: str | None = None) -> None:
        """Run the key as soon as a worker is free, and after the run that is going on.

        With the version of the object that changed: not if a pass knows it, the one that is going on included.
        """
        with self._changed:
            if version is None or version not in self._known:
                self._add(key, version)

    def add_idle(self, key: Key) -> None:
        """Run the key when no other waits: a look at all models must not keep a user's change waiting."""
        with self._changed:
            self._add_idle(key)

    def add_after(self, key: Key, seconds: float, idle: bool = False) -> None:
        """Run the key after a while, idle: when no other waits then; of several such requests the earliest counts."""
        with self._changed:
            due = self._clock() + seconds
            if due < self._due.get((key, idle), float("inf")):
                self._due[key, idle] = due
                heapq.heappush(self._later, (due, key, idle))
                self._changed.notify_all()

    def retry(self, key: Key, at_least: float = 0.0) -> int:
        """Run the key again after its backoff. Returns how often it failed in a row."""
        with self._changed:
            count = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(FIRST_RETRY * 2 ** min(count - 1, 30), LONGEST_RETRY) * self._jitter()
        self.add_after(key, max(delay, at_least))
        return count

    def forget(self, key: Key) -> None:
        """The key succeeded: its next retry starts with the shortest backoff."""
        with self._changed:
            self._failures.pop(key, None)

    def get(self, block: bool = True) -> Key | None:
        """The next key, to be given back by `done`; None if the queue is closed, or empty and `block` is off."""
        with self._changed:
            while not self._closed:
                wait = self._promote()
                if lane := self._ready or self._idle:
                    key = next(iter(lane))
                    del lane[key]
                    self._running.add(key)
                    return key
                if not block:
                    return None
                self._changed.wait(wait)
            return None

    def done(self, key: Key) -> None:
        """The run of the key is over."""
        with self._changed:
            self._running.discard(key)
            versions = self._again.pop(key, set())
            if any(version is None or version not in self._known for version in versions):
                self._add(key)

    def close(self) -> None:
        """Wake all workers up; `get` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add(self, key: Key, version: str | None = None) -> None:
        if key in self._running:
            self._again.setdefault(key, set()).add(version)
        elif key not in self._ready:
            self._idle.pop(key, None)
            self._ready[key] = None
            self._changed.notify()

    def _add_idle(self, key: Key) -> None:
        if key in self._running:
            self._add(key)
        elif key not in self._ready:
            self._idle[key] = None
            self._changed.notify()

    def _promote(self) -> float | None:
        """Makes keys ready whose time has come. Returns the seconds to the next one."""
        while self._later:
            due, key, idle = self._later[0]
            if self._due.get((key, idle)) != due:  # a superseded entry
                heapq.heappop(self._later)
                continue
            if due > self._clock():
                return due - self._clock()
            heapq.heappop(self._later)
            del self._due[key, idle]
            (self._add_idle if idle else self._add)(key)
        return None
