"""Threads that take keys from the queue and run the reconcile, and what is done about each way it can end."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from gpux_operator.engine.outcome import Outcome
from gpux_operator.engine.queue import Key, KeyQueue
from gpux_operator.kube.errors import ApiError, Conflict, TooManyRequests

_log = logging.getLogger("gpux_operator.reconcile")
FAILURES_BEFORE_REPORT = 3


class Reconciles(Protocol):
    """What a worker runs."""

    def reconcile(self, key: Key) -> Outcome:
        """One pass."""

    def report_failure(self, key: Key, error: Exception, changed: Callable[[], None]) -> None:
        """Tell the user that passes fail; `changed` is called if the model is another one than the pass knew."""


class Workers:
    """A fixed number of threads over one queue."""

    def __init__(
        self,
        queue: KeyQueue,
        reconciler: Reconciles,
        observe: Callable[[str, float], None] = lambda result, seconds: None,
        saw: Callable[[Key, Outcome], None] = lambda key, outcome: None,
    ) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._observe = observe
        self._saw = saw
        self._threads: list[threading.Thread] = []
        self._busy_since: dict[int, float] = {}

    def start(self, count: int) -> None:
        """Start the threads."""
        for index in range(count):
            thread = threading.Thread(target=self._work, name=f"worker-{index}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the passes that run; the queue must be closed before."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def longest_pass(self) -> float:
        """Seconds that the oldest of the passes has been running; 0 if none is."""
        return max((time.monotonic() - since for since in list(self._busy_since.values())), default=0.0)

    def alive(self) -> bool:
        """Whether all threads run."""
        return all(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (key := self._queue.get()) is not None:
            self._busy_since[threading.get_ident()] = time.monotonic()
            try:
                self.run(key)
            finally:
                del self._busy_since[threading.get_ident()]
                self._queue.done(key)

    def run(self, key: Key) -> None:
        """One pass over a key, with its follow-up in the queue."""
        started = time.monotonic()
        try:
            outcome = self._reconciler.reconcile(key)
        except Conflict as error:  # it was changed since it was read: a look at the new version is all that it takes
            self._queue.retry(key)
            outcome = Outcome("conflict", str(error))
        except ApiError as error:
            outcome = self._failed(key, error)
        except Exception:
            _log.exception("bug: the pass over %s/%s failed", key.namespace, key.name)
            self._queue.retry(key)
            outcome = Outcome("bug")
        else:
            self._queue.forget(key)
            if outcome.retry_seconds is not None:
                self._queue.add_after(key, outcome.retry_seconds, idle=True)
        self._tell(key, outcome, time.monotonic() - started)

    def _failed(self, key: Key, error: ApiError) -> Outcome:
        """Backoff; the status says so after the third failure in a row, or a later third one if it cannot yet."""
        count = self._queue.retry(key, error.retry_after if isinstance(error, TooManyRequests) else 0.0)
        _log.warning("the pass over %s/%s failed (%d in a row): %s", key.namespace, key.name, count, error)
        if count % FAILURES_BEFORE_REPORT == 0:
            try:
                self._reconciler.report_failure(key, error, lambda: self._queue.add(key))
            except Exception as second:  # the API server is what fails: the log has to do
                _log.info("the status of %s/%s cannot say so: %s", key.namespace, key.name, second)
        return Outcome("error", type(error).__name__)

    def _tell(self, key: Key, outcome: Outcome, seconds: float) -> None:
        self._observe(outcome.result, seconds)
        self._saw(key, outcome)
        fields = {
            "namespace": key.namespace,
            "name": key.name,
            "uid": outcome.uid,
            "generation": outcome.generation,
            "result": outcome.result,
            "reason": outcome.reason,
            "duration_seconds": round(seconds, 4),
        }
        _log.info(
            "reconciled %s/%s: %s %s", key.namespace, key.name, outcome.result, outcome.reason, extra={"fields": fields}
        )
