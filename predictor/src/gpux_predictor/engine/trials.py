"""Inputs for trial runs at warm-up: samples that are made up where the manifest gives none.

What a graph accepts cannot be read from its signature (a table of 100 rows takes no index 101; a convolution wants 32 pixels), so
attempts go from likely to modest, and the first that runs is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpux_predictor.tensors.signature import Dim, Signature, Tensor

_LENGTHS = (32, 64, 224, 8, 1)
"""Sizes for varying dimensions beyond the first: token sequences first, then images."""
_HIGHEST = (1000, 100, 10, 1)
"""Largest integers to try: token ids and table indices."""
_SCALES = (1.0, 30.0, 1000.0, -1000.0)
"""Magnitudes of floats, the larger ones around themselves instead of around 0: a sum over the batch that matters only beyond a
threshold, of either sign, shows there."""
_SEED = 0
"""A model learns the same at each start."""


@dataclass(frozen=True)
class Attempt:
    """How samples are made up.

    Attributes:
        length: the size of each varying dimension beyond the first.
        highest: the largest integer.
        constant: inputs that are this number everywhere.
    """

    length: int
    highest: int
    constant: Mapping[str, int]


def attempts(signature: Signature, constant: Mapping[str, int]) -> Iterator[Attempt]:
    """Ways to make samples up, likely ones first."""
    varying = any(not isinstance(dim, int) for tensor in signature.inputs for dim in tensor.shape[1:])
    integers = any(t.element and t.element.kind == "i" for t in signature.inputs)
    for length in _LENGTHS if varying else _LENGTHS[:1]:
        for highest in _HIGHEST if integers else _HIGHEST[:1]:
            yield Attempt(length, highest, constant)


def scales(signature: Signature) -> tuple[float, ...]:
    """Magnitudes worth trying: one for a graph without inputs of floats."""
    return _SCALES if any(t.element and t.element.kind == "f" for t in signature.inputs) else _SCALES[:1]


def samples(
    signature: Signature, batched: frozenset[str], attempt: Attempt, count: int, scale: float
) -> list[dict[str, np.ndarray]]:
    """Samples that differ from each other, each with a first axis of 1 in the inputs that have a batch axis.

    Inputs without a batch axis are the same in all samples: they are no part of a sample.

    Returns:
        `count` times an array for each input, in the dtype of its element type.
    """
    random = np.random.default_rng(_SEED)
    ones = frozenset(t.shape[0] for t in signature.inputs if t.shape and not isinstance(t.shape[0], int))
    shapes = {
        t.name: tuple(_size(dim, i, attempt.length, ones) for i, dim in enumerate(t.shape)) for t in signature.inputs
    }

    def make(tensor: Tensor) -> np.ndarray:
        return _array(tensor, shapes[tensor.name], attempt, random, scale)

    shared = {t.name: make(t) for t in signature.inputs if t.name not in batched}
    return [{t.name: shared[t.name] if t.name in shared else make(t) for t in signature.inputs} for _ in range(count)]


def variations(
    given: Sequence[Mapping[str, np.ndarray]], batched: frozenset[str], count: int, scale: float
) -> list[dict[str, np.ndarray]]:
    """`count` samples: those given that have the first one's shapes, then ones like the first with other values.

    Floats get noise of the scale; everything else is drawn from the values that the first sample has.
    """
    random = np.random.default_rng(_SEED)
    first = given[0]
    alike = [dict(g) for g in given if all(g[name].shape == first[name].shape for name in first)][:count]

    def vary(name: str, array: np.ndarray) -> np.ndarray:
        if name not in batched:
            return array
        if array.dtype.kind == "f":
            return np.asarray(array + _floats(random, array.shape, scale)).astype(array.dtype)
        return random.choice(array.ravel(), array.shape)

    return alike + [{name: vary(name, array) for name, array in first.items()} for _ in range(count - len(alike))]


def together(chosen: Sequence[Mapping[str, np.ndarray]], batched: frozenset[str]) -> dict[str, np.ndarray]:
    """Samples as one batch."""
    return {
        name: np.concatenate([sample[name] for sample in chosen]) if name in batched else array
        for name, array in chosen[0].items()
    }


def _size(dim: Dim, position: int, length: int, ones: frozenset[Dim]) -> int:
    """A batch dimension is 1, also where another input has it in another place (silero-vad's state is [2, batch, 128])."""
    if isinstance(dim, int):
        return dim
    return 1 if position == 0 or (dim is not None and dim in ones) else length


def _floats(random: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    centre = scale if abs(scale) > 1 else 0.0
    return np.asarray(random.standard_normal(shape) * scale + centre)


def _array(
    tensor: Tensor, shape: tuple[int, ...], attempt: Attempt, random: np.random.Generator, scale: float
) -> np.ndarray:
    assert tensor.element is not None  # noqa: S101  (the loader refuses such inputs)
    kind, dtype = tensor.element.kind, tensor.element.dtype
    if tensor.name in attempt.constant:
        return np.full(shape, attempt.constant[tensor.name], dtype)
    if kind == "f":
        limit = float(np.finfo(dtype).max) / 8
        return np.asarray(np.clip(_floats(random, shape, scale), -limit, limit)).astype(dtype)
    if kind == "b":
        return np.asarray(random.integers(0, 2, shape)).astype(np.bool_)
    if kind == "s":
        words = np.array(["a", "b", "c", "1", "2"], dtype=object)
        return np.asarray(words[random.integers(0, len(words), shape)], dtype=object)
    highest = min(attempt.highest, int(np.iinfo(dtype).max))
    return np.asarray(random.integers(0, highest + 1, shape)).astype(dtype)
