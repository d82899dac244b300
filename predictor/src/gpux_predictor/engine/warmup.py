"""What is learnt of a loaded graph before it takes requests: which samples run, whether they batch, what a batch costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gpux_predictor.engine import curve, padding, trials
from gpux_predictor.engine.proof import Proof, Run, Samples, prove, same
from gpux_predictor.engine.trial_run import TookTooLong
from gpux_predictor.errors import PredictorError
from gpux_predictor.tensors.signature import Signature

BUDGET_SECONDS = 10.0
"""For measuring the curve; a model of seconds a run is measured at one sample only."""
MOST_ROWS = 256
"""The largest batch tried where the manifest names no limit."""
_DECLARED = "declared by runtime.batching.batchAxis"


@dataclass(frozen=True)
class Wish:
    """What the manifest says of batching (`runtime.batching`)."""

    batch_axis: str = "auto"
    max_rows: int | None = None


@dataclass(frozen=True)
class Hints:
    """What is known of a graph's inputs beyond their types.

    Attributes:
        samples: samples that are known to be right, first axis 1; made up where empty.
        pad: for inputs of tokens the value of padding.
        constant: inputs that are this number everywhere where samples are made up: an attention mask.
    """

    constant: Mapping[str, int] = field(default_factory=dict)
    samples: Sequence[Mapping[str, np.ndarray]] = ()
    pad: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Learnt:
    """The result of a warm-up.

    Attributes:
        proof: whether samples may share a run, and why.
        cost: t(b); None where no sample was found that runs.
        limit: rows of the largest batch that is formed.
        padding: whether texts of different lengths may share a run.
        pad: for inputs of tokens the value of padding.
    """

    proof: Proof
    cost: curve.Curve | None
    limit: int
    padding: padding.Padding
    pad: Mapping[str, int]


def warm_up(signature: Signature, batched: frozenset[str], run: Run, wish: Wish, hints: Hints) -> Learnt:
    """Runs trials; a graph for which nothing runs, or not in time, is served all the same, one request a run."""
    try:
        return _learn(signature, batched, run, wish, hints)
    except TookTooLong as error:
        declared = wish.batch_axis == "first"
        proof = Proof(declared, _DECLARED if declared else str(error), None, [])
        return Learnt(proof, None, (wish.max_rows or MOST_ROWS) if declared else 1, padding.NONE, hints.pad)


def _learn(signature: Signature, batched: frozenset[str], run: Run, wish: Wish, hints: Hints) -> Learnt:
    make = _maker(signature, batched, run, hints)
    proof = _proof(signature, batched, run, wish, make)
    if not proof.samples:
        return Learnt(proof, None, (wish.max_rows or MOST_ROWS) if proof.batchable else 1, padding.NONE, hints.pad)
    most = (wish.max_rows or MOST_ROWS) if proof.batchable else 1
    proof, points = _measure(signature, batched, run, proof, most)
    elements = sum(array.size for array in proof.samples[0].values())
    cost = curve.Curve(points, elements)
    pads = padding.examine(signature, run, proof.samples, hints.pad) if hints.pad else padding.NONE
    limit = min(wish.max_rows or cost.limit, most) if proof.batchable else 1
    return Learnt(proof, cost, limit, pads, hints.pad)


def _maker(
    signature: Signature, batched: frozenset[str], run: Run, hints: Hints
) -> Callable[[int, float], Samples] | None:
    if hints.samples:
        return lambda count, scale: trials.variations(hints.samples, batched, count, scale)
    for attempt in trials.attempts(signature, hints.constant):
        try:
            run(trials.samples(signature, batched, attempt, 1, 1.0)[0])
        except TookTooLong:
            raise
        except PredictorError:
            continue
        return lambda count, scale, attempt=attempt: trials.samples(signature, batched, attempt, count, scale)  # type: ignore[misc]
    return None


def _proof(
    signature: Signature, batched: frozenset[str], run: Run, wish: Wish, make: Callable[[int, float], Samples] | None
) -> Proof:
    if make is None:
        why = "no made-up sample runs: give one in spec.samples"
        declared = wish.batch_axis == "first"
        return Proof(declared, _DECLARED if declared else why, None, [])
    if wish.batch_axis != "auto":
        return Proof(wish.batch_axis == "first", _DECLARED, None, make(1, 1.0))
    if not batched:
        return Proof(False, "no input has a varying first dimension", None, make(1, 1.0))
    return prove(signature, batched, run, make)


class _Different(PredictorError):
    """A sample's result changed with the size of the batch."""


def _measure(
    signature: Signature, batched: frozenset[str], run: Run, proof: Proof, most: int
) -> tuple[Proof, tuple[curve.Point, ...]]:
    """The curve; a batch size at which the results change ends batching, one at which the graph breaks ends the curve."""
    checked: set[int] = set()
    batches: dict[int, dict[str, np.ndarray]] = {}
    singles: list[dict[str, Any]] = []

    def timed(rows: int) -> None:
        count = len(proof.samples)
        if rows not in batches:
            batches.clear()
            batches[rows] = trials.together([proof.samples[i % count] for i in range(rows)], batched)
        found = run(batches[rows])
        if rows > 1 and rows not in checked:
            checked.add(rows)
            singles.extend(run(sample) for sample in proof.samples[len(singles) :])
            _compare(signature, singles, found, rows)

    try:
        return proof, curve.measure(timed, most, BUDGET_SECONDS)
    except _Different as error:
        return replace(proof, batchable=False, why=str(error)), curve.measure(timed, 1, BUDGET_SECONDS)
    except TookTooLong:
        raise
    except PredictorError as error:
        largest = max(checked, default=1)
        if largest <= 1:
            return replace(proof, batchable=False, why=str(error)), curve.measure(timed, 1, BUDGET_SECONDS)
        return proof, curve.measure(timed, largest, BUDGET_SECONDS)


def _compare(signature: Signature, singles: Sequence[Mapping[str, Any]], batch: Mapping[str, Any], rows: int) -> None:
    for tensor in signature.outputs:
        element = tensor.element.name if tensor.element else "float32"
        for row in range(rows):
            if not same(singles[row % len(singles)][tensor.name][0], batch[tensor.name][row], element):
                raise _Different(f"output '{tensor.name}' of a sample changes in a batch of {rows}")
