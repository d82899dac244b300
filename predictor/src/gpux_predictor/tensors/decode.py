"""From a request to the arrays that a graph takes: all of its inputs together."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors import batch_axis
from gpux_predictor.tensors.shapes import check_shapes
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.tensors.values import convert, element_of, fit, from_json, json_type


def request_arrays(
    signature: Signature,
    axis: batch_axis.BatchAxis,
    body: Any,  # noqa: ANN401
    keys: Sequence[str] = (),
    filled: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> tuple[dict[str, np.ndarray], bool]:
    """The arrays of a `/predict` body, and whether the answer goes without its batch axis.

    Args:
        body: parsed JSON; an object of input names to nested arrays, strings, numbers or booleans.
        keys: what a request may hold instead of inputs (`text`), for the words of errors.
        filled: inputs that were made of such keys, with a row for each sample.

    Raises:
        BadRequest: naming the first input in the graph's order that is missing or wrong, then names that are unknown.
    """
    if not isinstance(body, dict):
        raise BadRequest(
            f"Invalid request body: expected a JSON object of input names to values, found {json_type(body)}"
        )
    arrays = {}
    for tensor in signature.inputs:
        if tensor.name in filled:
            arrays[tensor.name] = filled[tensor.name]
        elif tensor.name in body:
            arrays[tensor.name] = from_json(tensor, body[tensor.name])
        elif tensor.required:
            missing = tensor.name if filled or not keys or any(t.name in body for t in signature.inputs) else keys[0]
            raise BadRequest(f"Missing required input: '{missing}'")
    _refuse_unknown(signature, body, filled, keys)
    return complete(signature, axis, arrays)


def request_numbers(
    signature: Signature, axis: batch_axis.BatchAxis, sent: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], bool]:
    """As `request_arrays`, of the inputs' numbers in the shapes in which they were sent."""
    arrays = {}
    for tensor in signature.inputs:
        if tensor.name in sent:
            arrays[tensor.name] = fit(tensor, convert(tensor, sent[tensor.name]))
        elif tensor.required:
            raise BadRequest(f"Missing required input: '{tensor.name}'")
    return complete(signature, axis, arrays)


def complete(
    signature: Signature, axis: batch_axis.BatchAxis, arrays: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], bool]:
    """Arrays, each with its rank or one less, with their batch axes; and whether the answer goes without.

    Raises:
        BadRequest: some inputs have their batch axis and others do not, or a shape that the graph does not take.
    """
    ranks = {t.name: len(t.shape) or arrays[t.name].ndim for t in signature.inputs if t.name in arrays}
    expanded, single = batch_axis.expand(axis, arrays, ranks)
    check_shapes(signature, expanded)
    return expanded, single


def check_complete(signature: Signature, arrays: Mapping[str, np.ndarray]) -> None:
    """Holds arrays that came with their names, types and shapes against the signature.

    Raises:
        BadRequest: a missing or unknown input, another element type, or a wrong shape.
    """
    known = {tensor.name: tensor for tensor in signature.inputs}
    for name, tensor in known.items():
        if name not in arrays and tensor.required:
            raise BadRequest(f"Missing required input: '{name}'")
        if name in arrays and arrays[name].dtype != element_of(tensor).dtype:
            found = arrays[name].dtype
            raise BadRequest(
                f"Invalid input type for '{name}': expected elements of type {element_of(tensor).name}, found {found}"
            )
    _refuse_unknown(signature, arrays)
    check_shapes(signature, arrays)


def _refuse_unknown(
    signature: Signature, names: Iterable[str], filled: Collection[str] = (), keys: Sequence[str] = ()
) -> None:
    known = [*keys, *(t.name for t in signature.inputs if t.name not in filled and t.name not in keys)]
    if unknown := [name for name in names if name not in known]:
        raise BadRequest(f"Unknown input: '{unknown[0]}'; this model takes {', '.join(repr(name) for name in known)}")
