"""Whether samples may share a run: proven by running them apart and together, never assumed.

A dynamic first dimension is only a hint: a sequence axis looks the same, a graph may subtract the mean over its batch, and
dynamic quantisation takes one scale for all rows (DynamicQuantizeLinear in the ONNX operator specification), so that an answer
would depend on who else asked at the time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpux_predictor.engine import trials
from gpux_predictor.errors import RequestError
from gpux_predictor.tensors.signature import Signature

Run = Callable[[Mapping[str, np.ndarray]], dict[str, Any]]
"""One run of the graph on complete feeds."""
Samples = list[dict[str, np.ndarray]]

Allowed = Mapping[str, float]
ON_CPU: Allowed = {"float16": 5e-3, "bfloat16": 2e-2, "float32": 1e-5, "float64": 1e-9}
"""Differences allowed by element type, since other batch sizes take other kernels: relative to the output's largest
value if that is above 1, absolute below, where they are at most `_SHARE` times as much of it: a scale of 1e-9 must hide nothing."""
ON_DEVICE: Allowed = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 1e-3, "float64": 1e-7}
"""The same on a device, where a batch size may choose another algorithm: Winograd's convolutions were 1e-4 away from others."""
_SHARE = 100
COUNT = 5
"""Samples compared; prime, so that a reshape that happens to fit shows."""


@dataclass(frozen=True)
class Proof:
    """What trial runs say of the batch axis.

    Attributes:
        batchable: samples may share a run.
        why: for people; of a refusal, what to do.
        outputs: the outputs that have a row for each sample as seen; None where nothing ran.
        samples: samples that run, for warm-up; empty where none was found.
    """

    batchable: bool
    why: str
    outputs: frozenset[str] | None
    samples: Samples


def prove(
    signature: Signature,
    batched: frozenset[str],
    run: Run,
    make: Callable[[int, float], Samples],
    allowed: Allowed = ON_CPU,
) -> Proof:
    """Runs samples apart and together and compares.

    Args:
        signature: the graph's inputs and outputs.
        batched: the inputs whose first axis varies: the candidates.
        run: runs the graph.
        make: makes `count` samples of a magnitude that are known to run.
        allowed: differences that are rounding.
    """
    carried: set[str] = set()
    varied: set[str] = set()
    first: Samples = []
    for scale in trials.scales(signature):
        chosen = make(COUNT, scale)
        first = first or chosen
        try:
            apart = [run(sample) for sample in chosen]
            joined = [run(trials.together(group, batched)) for group in (chosen, chosen[3:1:-1])]
        except RequestError as error:
            if scale != trials.scales(signature)[0]:
                continue  # values that large are refused: smaller ones have been compared
            return Proof(False, f"a batch of samples does not run: {error}", None, first)
        rows = {name for name in joined[0] if _has_rows(name, apart, joined[0])}
        carried = rows if chosen is first else carried & rows
        for pairs, batch in ((apart, joined[0]), (apart[3:1:-1], joined[1])):
            if problem := difference(signature, pairs, batch, allowed):
                return Proof(False, problem, frozenset(carried), first)
        varied |= {name for name in joined[0] if _varies([result[name] for result in apart])}
    names = [tensor.name for tensor in signature.outputs]
    if constant := [name for name in names if name not in varied]:
        return Proof(
            False,
            f"output '{constant[0]}' was the same for all samples tried, which proves nothing: give two different ones in "
            "spec.samples, or declare runtime.batching.batchAxis: first",
            frozenset(carried),
            first,
        )
    return Proof(True, f"{COUNT} samples gave the same apart and together", frozenset(carried), first)


def _has_rows(name: str, apart: Sequence[Mapping[str, Any]], joined: Mapping[str, Any]) -> bool:
    value = joined[name]
    singles = [result[name] for result in apart]
    if isinstance(value, list):
        return len(value) == len(apart) and all(isinstance(one, list) and len(one) == 1 for one in singles)
    return (
        np.ndim(value) > 0 and len(value) == len(apart) and all(np.ndim(one) > 0 and len(one) == 1 for one in singles)
    )


def without_rows(signature: Signature, apart: Sequence[Mapping[str, Any]], joined: Mapping[str, Any]) -> str | None:
    """The problem of an output that has no row for each sample, if there is one."""
    found = [tensor.name for tensor in signature.outputs if not _has_rows(tensor.name, apart, joined)]
    return f"output '{found[0]}' has no row for each sample" if found else None


def difference(
    signature: Signature, apart: Sequence[Mapping[str, Any]], joined: Mapping[str, Any], allowed: Allowed = ON_CPU
) -> str | None:
    """In what the results of samples apart and together differ, for people.

    Args:
        apart: the outputs of each sample.
        joined: the outputs of all in one run.
        allowed: differences that are rounding.
    """
    if problem := without_rows(signature, apart, joined):
        return problem
    for tensor in signature.outputs:
        dtype = tensor.element.name if tensor.element else "float32"
        rows = [one[tensor.name][0] for one in apart]
        if not all(same(row, found, dtype, allowed) for row, found in zip(rows, joined[tensor.name], strict=True)):
            return f"output '{tensor.name}' of a sample depends on the samples beside it"
    return None


def same(one: Any, other: Any, element: str, allowed: Allowed = ON_CPU) -> bool:  # noqa: ANN401
    """Whether two results of one sample are equal but for rounding.

    Args:
        one: an array, or what ONNX Runtime gives for a map.
        other: the same of another run.
        element: the element type's name, which sets the tolerance.
        allowed: the tolerances.
    """
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        return (
            isinstance(one, Mapping)
            and isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(same(one[key], other[key], element, allowed) for key in one)
        )
    left, right = np.asarray(one), np.asarray(other)
    if left.shape != right.shape:
        return False
    if left.dtype.kind != "f":
        return bool(np.array_equal(left, right))
    if left.size == 0:
        return True
    finite = left[np.isfinite(left)].astype(np.float64)
    largest = float(np.abs(finite).max(initial=0.0)) or 1.0
    tolerance = allowed.get(element, allowed["float32"]) * min(max(1.0, largest), _SHARE * largest)
    return bool(np.allclose(left.astype(np.float64), right.astype(np.float64), rtol=0, atol=tolerance, equal_nan=True))


def _varies(values: Sequence[Any]) -> bool:
    """Whether the samples' results differ, in finite numbers: NaN equals everything and proves nothing."""
    if isinstance(values[0], list):
        return _varies([value[0] for value in values])
    if isinstance(values[0], Mapping):
        return any(value != values[0] for value in values[1:])
    first = np.asarray(values[0])
    if first.dtype.kind == "f" and not np.isfinite(first).any():
        return False
    return any(not np.array_equal(first, np.asarray(value), equal_nan=first.dtype.kind == "f") for value in values[1:])
