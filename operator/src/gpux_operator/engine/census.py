"""How many models there are by what their last pass found, for metrics: no label grows with the number of models."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from gpux_operator.engine.outcome import Outcome
from gpux_operator.engine.queue import Key
from gpux_operator.status.reasons import Reason

_PRESENT = frozenset({"ready", "progressing", "problem"})
_GONE = frozenset({"gone", "deleting"})
_INTENDED = frozenset({Reason.SUSPENDED, Reason.STOPPED})
"""Reasons of a model that is not meant to run, and so waits for nothing."""


class Census:
    """What is known of each model. Safe to use from many threads.

    Args:
        clock: the time, in UTC.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[Key, Outcome] = {}
        self._unready_since: dict[Key, datetime] = {}
        self._at_rest: set[Key] = set()

    def saw(self, key: Key, outcome: Outcome) -> None:
        """Takes the end of a pass in; one that failed says nothing new of the model."""
        with self._lock:
            if outcome.result in _PRESENT:
                self._found[key] = outcome
            if outcome.result in _GONE:
                self._found.pop(key, None)
            if outcome.result in _GONE | {"ready"}:
                self._unready_since.pop(key, None)
                self._at_rest.discard(key)
            elif outcome.reason in _INTENDED:
                self._unready_since.pop(key, None)
                self._at_rest.add(key)
            elif outcome.result in _PRESENT:  # Ready may go from Unknown to False and back: the first of it counts
                self._unready_since.setdefault(key, self._began(key, outcome))
                self._at_rest.discard(key)

    def _began(self, key: Key, outcome: Outcome) -> datetime:
        """Since when the model is to be ready and is not: Ready was False while it was at rest, too."""
        return self._clock() if key in self._at_rest else outcome.since or self._clock()

    def known(self) -> list[Key]:
        """The models that are counted."""
        with self._lock:
            return list(self._found)

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Models by result and reason."""
        with self._lock:
            return Counter((outcome.result, outcome.reason) for outcome in self._found.values())

    def unready_seconds(self) -> Mapping[str, float]:
        """How long the model that has waited longest has not been ready, by its reason now.

        One that is not meant to run does not wait; what it is resumed to counts from there on.
        """
        now, longest = self._clock(), dict[str, float]()
        with self._lock:
            for key, since in self._unready_since.items():
                reason = self._found[key].reason
                longest[reason] = max(longest.get(reason, 0.0), (now - since).total_seconds())
        return longest
