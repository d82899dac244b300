"""Whether texts of different lengths may share a run: padded rows must give what they give alone.

A graph that ignores its attention mask in one place (a mean over all tokens) gives other numbers for a padded text; such a model
batches texts of one length only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gpux_predictor.engine.proof import Run, Samples, same
from gpux_predictor.engine.trial_run import TookTooLong
from gpux_predictor.errors import PredictorError
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


def examine(signature: Signature, run: Run, samples: Samples, pads: Mapping[str, int]) -> Padding:
    """Runs a sample short, and the same one padded beside a long one.

    Args:
        samples: token rows of one length, at least 4.
        pads: the inputs of tokens with their padding values.
    """
    sample = samples[0]
    full = min(sample[name].shape[1] for name in pads)
    if full < 4:
        return Padding(neutral=False, why="the samples are too short to tell")
    half = full // 2
    short = {name: array[:, :half] if name in pads else array for name, array in sample.items()}
    padded = {name: pad(short[name], full, pads[name]) if name in pads else array for name, array in sample.items()}
    try:
        alone, whole, filled = run(short), run(sample), run(padded)
    except TookTooLong:
        raise
    except PredictorError as error:
        return Padding(neutral=False, why=f"other lengths do not run: {error}")
    axes: dict[str, int] = {}
    for tensor in signature.outputs:
        one, other, result = (np.asarray(found[tensor.name]) for found in (alone, whole, filled))
        axis = _token_axis(one.shape, other.shape, half, full)
        if axis is not None:
            axes[tensor.name] = axis
            result = result.take(range(half), axis)
        if not same(one, result, tensor.element.name if tensor.element else "float32"):
            return Padding(neutral=False, why=f"output '{tensor.name}' of a padded text differs", axes=axes)
    return Padding(neutral=True, why="a padded text gave what it gives alone", axes=axes)


def _token_axis(short: Sequence[int], full: Sequence[int], half: int, length: int) -> int | None:
    if len(short) != len(full):
        return None
    found = [axis for axis, sizes in enumerate(zip(short, full, strict=True)) if sizes == (half, length)]
    return found[0] if len(found) == 1 else None
