"""Runs at warm-up that are stopped when they take too long."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from gpux_predictor.engine.session import Session, run_options
from gpux_predictor.errors import DeviceFailed, LoadError, LoadReason, PredictorError, RequestError

_TICK = 0.05


class TookTooLong(PredictorError):
    """A trial run was stopped, or the time for trials is up."""


class TrialRun:
    """One run of a session after another, within limits; a context manager, for its watching thread.

    Args:
        session: the session.
        outputs: the outputs to compute.
        most_seconds: of one run; None for no limits, since a device's first run may compile for minutes.
        budget_seconds: of all runs.
    """

    def __init__(
        self, session: Session, outputs: Sequence[str], most_seconds: float | None, budget_seconds: float
    ) -> None:
        self._session = session
        self._outputs = outputs
        self._most = most_seconds
        self._deadline = time.monotonic() + budget_seconds
        self._started: float | None = None
        self._options = run_options()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        if self._most is not None:
            threading.Thread(target=self._watch, args=(self._most,), daemon=True, name="trial-watch").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def __call__(self, feeds: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Runs.

        Raises:
            TookTooLong: the run was stopped.
            LoadError: ProviderUnavailable, the device broke.
            RequestError: the graph refused the values, or needs more memory.
        """
        self._started = time.monotonic()
        try:
            return self._session.run(self._outputs, feeds, self._options)
        except DeviceFailed as error:
            raise LoadError(
                LoadReason.PROVIDER_UNAVAILABLE,
                f"a trial run broke on {self._session.providers[0]}: {error.detail}: check the device, its driver and its libraries",
            ) from error
        except RequestError:
            if self._options.terminate:
                raise TookTooLong("trial runs take too long") from None
            raise
        finally:
            self._started = None

    def _watch(self, most: float) -> None:
        while not self._ended.wait(_TICK):
            started, now = self._started, time.monotonic()
            if now > self._deadline or (started is not None and now - started > most):
                self._options.terminate = True
                return
