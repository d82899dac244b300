"""Shapes of a request's arrays against the signature."""

from collections.abc import Mapping

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.signature import Signature, Tensor


def shape_text(tensor: Tensor) -> str:
    """The shape as a reader writes it: `[batch, 3, 224, 224]`, `?` for a varying dimension without a name."""
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in tensor.shape) + "]"


def check_shapes(signature: Signature, arrays: Mapping[str, np.ndarray]) -> None:
    """Holds fixed dimensions, and dimensions of one name over all inputs.

    A name that one tensor has twice is a placeholder (`N` x `N` for "any"), which ONNX Runtime does not hold either.

    Raises:
        BadRequest: naming the input, the dimension and both sizes.
    """
    seen: dict[str, tuple[str, int]] = {}
    for tensor in signature.inputs:
        if not tensor.shape or tensor.name not in arrays:
            continue
        shape = arrays[tensor.name].shape
        if len(shape) != len(tensor.shape):
            raise BadRequest(
                f"Invalid input shape for '{tensor.name}': expected {shape_text(tensor)}, found {list(shape)}"
            )
        for dim, size in zip(tensor.shape, shape, strict=True):
            if isinstance(dim, int) and dim != size:
                raise BadRequest(
                    f"Invalid input shape for '{tensor.name}': expected {shape_text(tensor)}, found {list(shape)}"
                )
            if (
                isinstance(dim, str)
                and tensor.shape.count(dim) == 1
                and seen.setdefault(dim, (tensor.name, size))[1] != size
            ):
                other, expected = seen[dim]
                raise BadRequest(
                    f"Invalid input shape for '{tensor.name}': dimension '{dim}' is {size} here and {expected} in '{other}'"
                )
