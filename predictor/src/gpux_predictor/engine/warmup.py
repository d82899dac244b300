"""What is learnt of a loaded graph before it takes requests: which samples run, whether they batch, what a batch costs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpux_predictor.engine import curve, measuring, padding, trials, wishes
from gpux_predictor.engine.proof import COUNT, Allowed, Proof, Run, Samples, prove
from gpux_predictor.engine.trial_run import TookTooLong
from gpux_predictor.engine.wishes import Hints, Traits, Wish
from gpux_predictor.errors import RequestError
from gpux_predictor.tensors.signature import Signature

_DECLARED = "declared by runtime.batching.batchAxis"


@dataclass(frozen=True)
class Learnt:
    """The result of a warm-up.

    Attributes:
        proof: whether samples may share a run, and why.
        cost: t(b); None where no sample was found that runs.
        limit: rows of the largest batch that is formed.
        capped: more rows a run are not wanted, or break: a request with more of them is run in pieces, however short they are.
        padding: whether texts of different lengths may share a run.
        pad: for inputs of tokens the value of padding.
        sizes: the batch sizes that may run, rising; empty where all may.
    """

    proof: Proof
    cost: curve.Curve | None
    limit: int
    padding: padding.Padding
    pad: Mapping[str, int]
    capped: bool = True
    sizes: tuple[int, ...] = ()


_USUAL = Traits()


def warm_up(  # noqa: PLR0913, PLR0917
    signature: Signature, batched: frozenset[str], run: Run, wish: Wish, hints: Hints, traits: Traits = _USUAL
) -> Learnt:
    """Runs trials; a graph for which nothing runs, or not in time, is served all the same, one request a run."""
    fastest = _Fastest(run)
    try:
        return _learn(signature, batched, fastest, wish, hints, traits)
    except TookTooLong as error:
        declared = wish.batch_axis == "first"
        proof = Proof(declared, _DECLARED if declared else str(error), None, [])
        return Learnt(proof, fastest.curve(), _given(wish) if declared else 1, padding.NONE, hints.pad)


class _Fastest:
    """Runs, and remembers the shortest: what a run costs at least, also of a graph too slow to be measured."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seconds = float("inf")
        self._elements = 0

    def __call__(self, feeds: Mapping[str, np.ndarray]) -> dict[str, Any]:
        started = time.perf_counter()
        found = self._run(feeds)
        took = time.perf_counter() - started
        if took < self._seconds:
            self._seconds, self._elements = took, _elements(feeds)
        return found

    def curve(self) -> curve.Curve | None:
        """The shortest run; None if none ended."""
        return curve.Curve((curve.Point(1, self._seconds),), self._elements) if self._elements else None


def _elements(feeds: Mapping[str, np.ndarray]) -> int:
    return max(1, sum(array.size for array in feeds.values()))


def _given(wish: Wish) -> int:
    return wish.max_rows or wishes.MOST_ROWS


def _learn(  # noqa: PLR0913, PLR0917
    signature: Signature, batched: frozenset[str], run: Run, wish: Wish, hints: Hints, traits: Traits
) -> Learnt:
    make = _maker(signature, batched, run, hints)
    proof = _proof(signature, batched, run, wish, make, traits.allowed)
    if not proof.samples:
        return Learnt(proof, None, _given(wish) if proof.batchable else 1, padding.NONE, hints.pad)
    pads = padding.examine(signature, run, proof.samples, hints.pad, traits.allowed) if hints.pad else padding.NONE
    most, step = wishes.sizes(wish, traits) if proof.batchable else (1, 2)
    allowed = traits.allowed if wish.batch_axis == "auto" else None
    measured = measuring.measure(signature, batched, run, proof, most, step, allowed)
    cost = curve.Curve(measured.points, _elements(proof.samples[0]))
    limit = min(wish.max_rows or cost.limit, measured.largest) if measured.proof.batchable else 1
    capped = wish.max_rows is not None or measured.largest < most
    if traits.sizes is None or limit == 1:
        return Learnt(measured.proof, cost, limit, pads, hints.pad, capped)
    sizes = tuple(point.rows for point in measured.points if point.rows <= limit)
    return Learnt(measured.proof, cost, sizes[-1], pads, hints.pad, sizes=sizes)


def _maker(
    signature: Signature, batched: frozenset[str], run: Run, hints: Hints
) -> Callable[[int, float], Samples] | None:
    """How samples are made that run; whole numbers are tried as often as they will be needed, since each may be too high."""
    if hints.samples:
        return lambda count, scale: trials.variations(hints.samples, batched, count, scale)
    number = COUNT if any(t.element and t.element.kind == "i" for t in signature.inputs) else 1
    for attempt in trials.attempts(signature, hints.constant):
        try:
            for sample in trials.samples(signature, batched, attempt, number, 1.0):
                run(sample)
        except RequestError:
            continue
        return lambda count, scale, attempt=attempt: trials.samples(signature, batched, attempt, count, scale)  # type: ignore[misc]
    return None


def _proof(  # noqa: PLR0913, PLR0917
    signature: Signature,
    batched: frozenset[str],
    run: Run,
    wish: Wish,
    make: Callable[[int, float], Samples] | None,
    allowed: Allowed,
) -> Proof:
    if make is None:
        why = "no made-up sample runs: give one in spec.samples"
        declared = wish.batch_axis == "first"
        return Proof(declared, _DECLARED if declared else why, None, [])
    if wish.batch_axis != "auto":
        return Proof(wish.batch_axis == "first", _DECLARED, None, make(1, 1.0))
    if not batched:
        return Proof(False, "no input has a varying first dimension", None, make(1, 1.0))
    return prove(signature, batched, run, make, allowed)
