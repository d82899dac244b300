"""The common request decoded in microseconds: every input an array of numbers, of float32, float64 or int64.

It takes what it is sure of and says no to the rest, which `decode` then reads with more care, and words the errors of.
"""

from typing import Any, NamedTuple

import numpy as np

from gpux_predictor.tensors.batch_axis import BatchAxis
from gpux_predictor.tensors.booleans import possible
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.tensors.values import is_column

_TAKES = {"float32": "fi", "float64": "fi", "int64": "i"}
"""Kinds of numpy arrays that become an element type without a check of each value."""


class Decoded(NamedTuple):
    """Complete feeds of a request; `single` if its answer goes without the batch axis."""

    arrays: dict[str, np.ndarray]
    single: bool
    rows: int
    elements: int


class _Input:
    """What an array must be for one input."""

    __slots__ = ("batched", "dtype", "fixed", "name", "named", "narrow", "rank", "takes")

    def __init__(self, tensor: Tensor, axis: BatchAxis) -> None:
        element = tensor.element
        assert element is not None  # noqa: S101  (the loader refuses such inputs)
        self.name = tensor.name
        self.dtype = element.dtype
        self.takes = _TAKES[element.name]
        self.narrow = element.name == "float32"
        self.rank = len(tensor.shape)
        self.batched = tensor.name in axis.inputs
        self.fixed = tuple((i, dim) for i, dim in enumerate(tensor.shape) if isinstance(dim, int))
        once = [(i, dim) for i, dim in enumerate(tensor.shape) if isinstance(dim, str) and tensor.shape.count(dim) == 1]
        self.named: tuple[tuple[int, str], ...] = tuple(once)

    def fits(self, shape: tuple[int, ...], sizes: dict[str, int]) -> bool:
        """Whether the shape is the graph's; `sizes` has the named dimensions seen so far."""
        if len(shape) != self.rank:
            return False
        for place, size in self.fixed:
            if shape[place] != size:
                return False
        return not self.named or all(sizes.setdefault(name, shape[i]) == shape[i] for i, name in self.named)


class Quick:
    """A decoder for one signature.

    Args:
        signature: what is served.
        axis: which tensors have a batch axis.
    """

    def __init__(self, signature: Signature, axis: BatchAxis) -> None:
        usable = not axis.single and all(
            t.required and t.shape and t.element and t.element.name in _TAKES and not is_column(t)
            for t in signature.inputs
        )
        self._inputs = [_Input(tensor, axis) for tensor in signature.inputs] if usable else []
        named = len(self._inputs) > 1
        for item in self._inputs:
            item.named = item.named if named else ()

    def decode(self, request: Any, body: bytes) -> Decoded | None:  # noqa: ANN401
        """As `decode.request_arrays` of parsed JSON; None if that has to look at it.

        Args:
            request: the body, parsed.
            body: its text, in which a boolean shows of which numpy would make a number.
        """
        inputs = self._inputs
        if type(request) is not dict or len(request) != len(inputs) or not inputs:
            return None
        if possible(body):
            return None
        arrays: dict[str, np.ndarray] = {}
        sizes: dict[str, int] = {}
        without, rows, elements = 0, 1, 0
        for item in inputs:
            array = _numbers(item, request.get(item.name))
            if array is None:
                return None
            if item.batched:
                if array.ndim < item.rank:
                    array = array[None]
                    without += 1
                rows = len(array)
            if not item.fits(array.shape, sizes):
                return None
            elements += array.size
            arrays[item.name] = array
        return Decoded(arrays, without > 0, rows, elements) if without in (0, len(inputs)) else None


def _numbers(item: _Input, value: Any) -> np.ndarray | None:  # noqa: ANN401
    if type(value) is not list:
        return None
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind not in item.takes or not array.size:
        return None
    if array.dtype == item.dtype:
        return array
    if item.narrow:
        flat = array.ravel()
        with np.errstate(over="ignore"):
            square = flat.dot(flat)
        if not -1e76 < square < 1e76:  # some value may not fit into float32
            return None
    return array.astype(item.dtype)
