"""Whether texts of different lengths may share a run: padded rows must give what they give alone.

A graph that ignores its attention mask in one place (a mean over all tokens) gives other numbers for a padded text; such a model
batches texts of one length only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpux_predictor.engine.proof import ON_CPU, Allowed, Run, Samples, same
from gpux_predictor.errors import RequestError
from gpux_predictor.tensors.signature import Signature


@dataclass(frozen=True)
class Padding:
    """What trial runs say of padding along the second axis.

    Attributes:
        neutral: a padded row gives what it gives alone.
        why: for people.
        axes: outputs that have one entry a token, and on which axis: what padding added is cut off there.
    """

    neutral: bool
    why: str
    axes: Mapping[str, int] = field(default_factory=dict)


NONE = Padding(neutral=False, why="no input of tokens")


def pad(array: np.ndarray, length: int, value: int) -> np.ndarray:
    """Rows [n, tokens] made `length` tokens long."""
    missing = length - array.shape[1]
    return array if missing <= 0 else np.pad(array, ((0, 0), (0, missing)), constant_values=value)


def examine(
    signature: Signature, run: Run, samples: Samples, pads: Mapping[str, int], allowed: Allowed = ON_CPU
) -> Padding:
    """Runs samples short, whole, and short but padded.

    Args:
        samples: token rows of one length, at least 4; each is cut at another place.
        pads: the inputs of tokens with their padding values.
        allowed: differences that are rounding.
    """
    full = min(samples[0][name].shape[1] for name in pads)
    if full < 4:
        return Padding(neutral=False, why="the samples are too short to tell")
    axes: dict[str, int] = {}
    for number, sample in enumerate(samples):
        length = full // 2 if number == 0 else full * number // len(samples)
        short = {name: array[:, :length] if name in pads else array for name, array in sample.items()}
        padded = {name: pad(short[name], full, pads[name]) if name in pads else array for name, array in sample.items()}
        try:
            alone, filled = run(short), run(padded)
            if number == 0:
                axes = _token_axes(signature, alone, run(sample), length, full)
        except RequestError as error:
            return Padding(neutral=False, why=f"other lengths do not run: {error}")
        if problem := _difference(signature, (alone, filled), axes, length, allowed):
            return Padding(neutral=False, why=problem, axes=axes)
    return Padding(neutral=True, why="a padded text gave what it gives alone", axes=axes)


def _difference(
    signature: Signature,
    found: tuple[Mapping[str, Any], Mapping[str, Any]],
    axes: Mapping[str, int],
    length: int,
    allowed: Allowed,
) -> str | None:
    alone, filled = found
    for tensor in signature.outputs:
        one, result = np.asarray(alone[tensor.name]), np.asarray(filled[tensor.name])
        if tensor.name in axes:
            result = result.take(range(length), axes[tensor.name])
        if not same(one, result, tensor.element.name if tensor.element else "float32", allowed):
            return f"output '{tensor.name}' of a padded text differs"
    return None


def _token_axes(
    signature: Signature, alone: Mapping[str, Any], whole: Mapping[str, Any], length: int, full: int
) -> dict[str, int]:
    found = {}
    for tensor in signature.outputs:
        axis = _token_axis(np.shape(alone[tensor.name]), np.shape(whole[tensor.name]), length, full)
        if axis is not None:
            found[tensor.name] = axis
    return found


def _token_axis(short: Sequence[int], full: Sequence[int], half: int, length: int) -> int | None:
    if len(short) != len(full):
        return None
    found = [axis for axis, sizes in enumerate(zip(short, full, strict=True)) if sizes == (half, length)]
    return found[0] if len(found) == 1 else None
