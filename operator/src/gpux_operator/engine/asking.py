"""Questions that take a while, asked by other threads: an answer is there at once, or later."""

import logging
import threading
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, replace
from typing import Any

_log = logging.getLogger(__name__)

Run = Callable[[Callable[[], None]], Any]
"""Runs a job in some thread, soon."""


@dataclass(frozen=True)
class Asked:
    """What is known about something.

    Args:
        since: when it was first asked, in seconds of the clock.
        at: when it was asked last.
        busy: whether that has no answer yet.
        heard: whether any has; one that gives nothing counts.
        said: the last answer that gives something.
    """

    since: float
    at: float
    busy: bool = True
    heard: bool = False
    said: Any = None


class Questions:
    """Answers by what they are about. Safe to use from many threads."""

    def __init__(self, run: Run, clock: Callable[[], float]) -> None:
        self._run = run
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[Hashable, Asked] = {}

    def ask(self, about: Hashable, pause: float, read: Callable[[], object], news: Callable[[], None]) -> Asked:
        """What is known now; it is asked again if the last time is longer ago.

        Args:
            about: what the answer is known by.
            pause: that long, in seconds.
            read: gets the answer, in another thread; None is no answer.
            news: called there at the first answer, and at each that is another one.
        """
        now = self._clock()
        with self._lock:
            last = self._known.get(about)
            if last is not None and (last.busy or now - last.at < pause):
                return last
            asked = self._known[about] = replace(last, at=now, busy=True) if last else Asked(now, now)
        self._run(lambda: self._read(about, read, news))
        return asked

    def known(self, about: Hashable) -> Asked | None:
        """The same without asking."""
        with self._lock:
            return self._known.get(about)

    def keep(self, wanted: Collection[Hashable]) -> None:
        """Forget all else; an answer to that which is on its way is dropped."""
        with self._lock:
            self._known = {about: asked for about, asked in self._known.items() if about in wanted}

    def _read(self, about: Hashable, read: Callable[[], object], news: Callable[[], None]) -> None:
        said = None
        try:
            said = read()
        except Exception:
            _log.exception("bug: the answer about %s cannot be read", about)
        with self._lock:
            before = self._known.get(about)
            if before is None:
                return
            said = before.said if said is None else said  # who is busy may miss a moment
            self._known[about] = replace(before, busy=False, heard=True, said=said)
        if not before.heard or before.said != said:
            news()
