"""Waiting for something to become true, or to stay true, in a cluster where everything happens a moment later."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.05
SOON = 60.0
"""The deadline of what takes a second or two: a busy machine is slow, and who waits so long in vain has failed anyway."""


def eventually(probe: Callable[[], T | None], timeout: float, what: str) -> T:
    """What `probe` returns once that is truthy; an assertion error that says what was seen last if it never is.

    A probe that raises counts as "not yet": a look-up may fail until the object is there.
    """
    deadline = time.monotonic() + timeout
    while True:
        seen, failure = _observe(probe)
        if seen:
            return seen
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}; {_described(seen, failure)}") from failure
        time.sleep(POLL_SECONDS)


def consistently(probe: Callable[[], object], duration: float, what: str) -> None:
    """Fail as soon as `probe` is falsy or raises, within this time: for what must not happen."""
    started = time.monotonic()
    while (passed := time.monotonic() - started) < duration:
        seen, failure = _observe(probe)
        if not seen:
            raise AssertionError(
                f"no longer true after {passed:.1f} s: {what}; {_described(seen, failure)}"
            ) from failure
        time.sleep(POLL_SECONDS)


def _observe(probe: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return probe(), None
    except Exception as error:
        return None, error


def _described(seen: object, failure: Exception | None) -> str:
    return f"last answer: {seen!r}" if failure is None else f"last error: {type(failure).__name__}: {failure}"
