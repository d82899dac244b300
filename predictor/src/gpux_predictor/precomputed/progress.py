"""How far a run is: a bar on a terminal, a line in the log every few seconds elsewhere."""

import logging
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from gpux_predictor.precomputed.store import Progress

logger = logging.getLogger(__name__)
LINE_SECONDS = 5.0


class Display:
    """Shows progress while it is entered; call it with what there is."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._began = self._told = time.monotonic()
        self._from = 0

    def __enter__(self) -> Self:
        """Begins."""
        if sys.stderr.isatty():
            self._bar = tqdm(unit=" rows", unit_scale=True, file=sys.stderr)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress, total: int | None) -> None:
        """Takes a state in.

        Args:
            progress: rows so far.
            total: all rows; None where that is unknown.
        """
        if self._bar is not None:
            self._bar.total = total
            if not self._bar.n:
                self._bar.initial = progress.rows
            self._bar.set_postfix(failed=progress.failed, refresh=False)
            self._bar.update(progress.rows - self._bar.n)
            return
        now = time.monotonic()
        if not self._from:
            self._from, self._began = progress.rows, now
        if now - self._told >= LINE_SECONDS:
            self._told = now
            rate = (progress.rows - self._from) / max(now - self._began, 1e-9)
            of = f" of {total}" if total is not None else ""
            logger.info("%d%s rows (%.0f/s), %d failed", progress.rows, of, rate, progress.failed)
