"""One batch through the session, and the guilty request apart from the others where it breaks."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gpux_predictor.batching.item import Batch, Item, RunOptions
from gpux_predictor.batching.plan import Plan
from gpux_predictor.engine.pinned import Empty
from gpux_predictor.errors import InferenceFailed, RequestError

logger = logging.getLogger(__name__)
Outcome = dict[str, Any] | Exception
Run = Callable[[Mapping[str, np.ndarray], Any], dict[str, Any]]
"""Feeds and `RunOptions` to outputs; raises RequestError."""


class Runner:
    """Merges, runs, splits.

    Args:
        run: one run of the graph.
        plan: how requests merge.
        empty: memory for the merged inputs, None for any.
    """

    def __init__(self, run: Run, plan: Plan, empty: Empty | None = None) -> None:
        self._run = run
        self._empty = empty
        self._plan = plan

    def outcomes(self, batch: Batch) -> list[Outcome]:
        """For each item of the batch its outputs or its error; never raises."""
        try:
            return self._isolated(batch.items, batch.options)
        except Exception as error:
            logger.exception("a run broke")
            return [InferenceFailed(f"Inference failed: {type(error).__name__}")] * len(batch.items)

    def _isolated(self, items: Sequence[Item], options: RunOptions) -> list[Outcome]:
        """Runs the items together; if that breaks, each half by itself, so that only the guilty one has an error.

        One guilty request among n costs log2(n) further runs of falling size, not n.
        """
        parts = [item.arrays for item in items]
        try:
            return list(self._plan.split(self._run(self._plan.merge(parts, self._empty), options), parts))
        except RequestError as error:
            if len(items) == 1 or options.terminate:
                return [_without_frames(error)] * len(items)
        half = len(items) // 2
        return self._isolated(items[:half], options) + self._isolated(items[half:], options)


def _without_frames(error: RequestError) -> RequestError:
    """The error without the frames it came through, which hold the inputs and results of the whole batch."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
