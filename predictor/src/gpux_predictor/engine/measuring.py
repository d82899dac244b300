"""The curve t(b) of a graph, measured on batches whose results are checked on the way."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpux_predictor.engine import curve, trials
from gpux_predictor.engine.proof import Allowed, Proof, Run, difference, without_rows
from gpux_predictor.engine.trial_run import TookTooLong
from gpux_predictor.errors import RequestError
from gpux_predictor.tensors.signature import Signature

BUDGET_SECONDS = 10.0
"""For measuring the curve; a model of seconds a run is measured at one sample only."""


@dataclass(frozen=True)
class Measured:
    """The curve, the proof as it stands after it, and the largest batch that may be formed."""

    proof: Proof
    points: tuple[curve.Point, ...]
    largest: int


def measure(  # noqa: PLR0913, PLR0917
    signature: Signature, batched: frozenset[str], run: Run, proof: Proof, most: int, step: int, allowed: Allowed | None
) -> Measured:
    """Times batches of rising size, and compares their results with those of samples alone.

    A size at which results change ends batching; one at which the graph breaks ends the curve, and sets the limit.

    Args:
        most: rows of the largest batch.
        step: from one size to the next.
        allowed: differences that are rounding; None where an output needs no more than a row for each sample.

    Raises:
        RequestError, TookTooLong: a run of one sample broke.
    """
    batches: dict[int, dict[str, np.ndarray]] = {}
    singles: list[dict[str, Any]] = []
    changed = ended = ""
    count = len(proof.samples)

    def timed(rows: int) -> None:
        nonlocal changed, ended
        new = rows not in batches
        if new:
            batches.clear()
            batches[rows] = trials.together([proof.samples[i % count] for i in range(rows)], batched)
        try:
            found = run(batches[rows])
            if rows > 1 and new:
                singles.extend(run(sample) for sample in proof.samples[len(singles) :])
                alone = [singles[i % count] for i in range(rows)]
                changed = (
                    difference(signature, alone, found, allowed) if allowed else without_rows(signature, alone, found)
                ) or ""
        except (RequestError, TookTooLong) as error:
            if rows == 1:
                raise
            ended = str(error)
        if changed or ended:
            raise curve.Stop

    points = curve.measure(timed, most, BUDGET_SECONDS, step=step)
    if changed or (ended and len(points) == 1):
        why = f"in a larger batch {changed}" if changed else ended
        return Measured(replace(proof, batchable=False, why=why), points[:1], 1)
    return Measured(proof, points, points[-1].rows if ended else most)
