"""JSON Schema (draft 2020-12, which OpenAPI 3.1 takes) of tensors as nested arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpux_predictor.tensors.dtypes import ElementType, first_beyond
from gpux_predictor.tensors.signature import Dim, Tensor
from gpux_predictor.tensors.values import element_of, is_column

Schema = dict[str, Any]


def taken(tensor: Tensor) -> Schema:
    """One element of an input: its JSON type, and the values that its element type holds."""
    element = element_of(tensor)
    if element.kind == "s":
        return {"type": "string"} | ({} if tensor.max_length is None else {"maxLength": tensor.max_length})
    if element.kind == "b":
        return {"enum": [False, True, 0, 1]}
    if element.kind == "i":
        limits = np.iinfo(element.dtype)
        return {"type": "integer", "minimum": int(limits.min), "maximum": int(limits.max)}
    if element.dtype.itemsize == np.dtype(np.float64).itemsize:
        return {"type": "number"}
    beyond = float(first_beyond(element.dtype))
    return {"type": "number", "exclusiveMinimum": -beyond, "exclusiveMaximum": beyond}


def given(element: ElementType) -> Schema:
    """One element of an output; NaN and infinities are null."""
    names = {"s": "string", "b": "boolean", "i": "integer"}
    return {"type": names[element.kind]} if element.kind in names else {"type": ["number", "null"]}


def nested(item: Schema, shape: Sequence[Dim], least: int = 1) -> Schema:
    """Nested arrays of `item`; a dimension that varies has at least `least` elements."""
    for dim in reversed(shape):
        sizes = {"minItems": dim, "maxItems": dim} if isinstance(dim, int) else {"minItems": least}
        item = {"type": "array", "items": item} | sizes
    return item


def any_rank(item: Schema, least: int = 1) -> Schema:
    """A scalar, or nested arrays: ONNX Runtime reports a scalar and a graph that says nothing of the shape alike.

    `least` is the fewest elements of an array. Seven levels are written out, the most that a model in the field has; JSON
    Schema has no other finite form without a name.
    """
    levels = [item]
    for _ in range(7):
        levels.append({"type": "array", "minItems": least, "items": levels[-1]})
    return {"anyOf": levels}


def batch(tensor: Tensor) -> Schema:
    """An input with all its dimensions; a column ([N, 1]) of several rows also as a list of their values."""
    item = taken(tensor)
    if not tensor.shape:
        return any_rank(item)
    whole = nested(item, tensor.shape)
    if is_column(tensor) and not isinstance(tensor.shape[0], int):
        return {"anyOf": [whole, {"type": "array", "items": item, "minItems": 2}]}
    return whole


def sample(tensor: Tensor) -> Schema:
    """An input without its batch axis; of a column also the bare value."""
    one = nested(taken(tensor), tensor.shape[1:])
    return {"anyOf": [taken(tensor), one]} if is_column(tensor) else one


def exactly(properties: dict[str, Schema], required: Sequence[str] | None = None, title: str | None = None) -> Schema:
    """An object of these keys and no others; all of them are required if `required` does not say which."""
    found: Schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }
    return {"title": title} | found if title else found
