"""Elements of the Open Inference Protocol's tensors, as JSON and as bytes.

Bytes are little-endian and row-major; a BOOL is one byte of 0 or 1, a BF16 the upper half of a float32, a BYTES element has its
length before it as an unsigned 32-bit number. Sources: Triton's Binary Tensor Data Extension, which the protocol's REST servers
share, and `raw_input_contents` in the protocol's gRPC service definition.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.protocols.oip_checks import shown
from gpux_predictor.tensors import bfloat16
from gpux_predictor.tensors.dtypes import ElementType
from gpux_predictor.tensors.signature import Tensor
from gpux_predictor.tensors.values import element_of, elements

Buffer = bytes | memoryview
_LENGTH_BYTES = 4
_STORED: dict[str, np.dtype] = {"BF16": np.dtype("<u2"), "BOOL": np.dtype("u1")}
"""Datatypes whose bytes are not those of our arrays."""


def from_json(tensor: Tensor, data: Any, shape: Sequence[int]) -> np.ndarray:  # noqa: ANN401
    """The array of a tensor whose elements came as JSON, flat or nested, in row-major order.

    Raises:
        BadRequest: values that the element type cannot hold unchanged, or that do not fill the shape.
    """
    array = np.empty(0, element_of(tensor).dtype) if data == [] and 0 in shape else elements(tensor, data)
    return fill(tensor, array, shape)


def from_bytes(tensor: Tensor, raw: Buffer, shape: Sequence[int]) -> np.ndarray:
    """The array of a tensor whose elements came as bytes; a read-only view of them where their alignment allows.

    Raises:
        BadRequest: the bytes do not fill the shape, or are no elements of the type.
    """
    element = element_of(tensor)
    if element.kind == "s":
        return fill(tensor, strings(tensor, byte_strings(tensor, raw)), shape)
    stored = _stored(element)
    if len(raw) != stored.itemsize * math.prod(shape):
        raise BadRequest(
            f"Invalid input value for '{tensor.name}': {len(raw)} bytes do not fill the shape {shown(list(shape))} "
            f"of {element.oip}"
        )
    array = np.frombuffer(raw, stored)
    if element.oip == "BF16":
        array = bfloat16.from_bits(array)
    elif element.kind == "b":
        if array.max(initial=0) > 1:
            raise BadRequest(f"Invalid input value for '{tensor.name}': a BOOL is one byte of 0 or 1")
        array = array.view(np.bool_)
    elif not array.flags.aligned:
        array = array.copy()
    return fill(tensor, array.astype(element.dtype, copy=False), shape)


def to_bytes(element: ElementType, array: np.ndarray) -> Buffer:
    """The elements of an array as bytes; a view of its memory where they lie in it as they are sent."""
    if element.kind == "s":
        return b"".join(part for text in map(_encoded, array.flat) for part in (_length(text), text))
    bits = bfloat16.to_bits(array) if element.oip == "BF16" else array
    flat = np.ascontiguousarray(bits.ravel(), _stored(element))
    return flat.data.cast("B") if flat.size else b""


def fill(tensor: Tensor, array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The elements in the shape that the request gives them.

    Raises:
        BadRequest: there are more or fewer than the shape holds.
    """
    if array.size != math.prod(shape):
        raise BadRequest(
            f"Invalid input value for '{tensor.name}': {array.size} elements do not fill the shape {shown(list(shape))}"
        )
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError):  # more dimensions than numpy has, or a zero beside an astronomic size
        raise BadRequest(f"Invalid input shape for '{tensor.name}': {shown(list(shape))} is no shape") from None


def strings(tensor: Tensor, parts: Sequence[bytes]) -> np.ndarray:
    """BYTES elements as the strings that ONNX Runtime takes, one-dimensional.

    Raises:
        BadRequest: an element that is no UTF-8.
    """
    texts: list[str] = []
    try:
        texts.extend(part.decode() for part in parts)
    except UnicodeDecodeError:
        raise BadRequest(f"Invalid input value for '{tensor.name}': element {len(texts)} is no UTF-8") from None
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def byte_strings(tensor: Tensor, raw: Buffer) -> list[bytes]:
    """BYTES elements out of their length-prefixed form.

    Raises:
        BadRequest: the bytes end inside of an element.
    """
    data, end, size = bytes(raw), 0, len(raw)
    found: list[bytes] = []
    while end < size:
        start = end + _LENGTH_BYTES
        end = start + int.from_bytes(data[end:start], "little")
        found.append(data[start:end])
    if end > size:
        raise BadRequest(f"Invalid input value for '{tensor.name}': the bytes end inside of element {len(found) - 1}")
    return found


def _stored(element: ElementType) -> np.dtype:
    return _STORED.get(element.oip, element.dtype.newbyteorder("<"))


def _encoded(text: object) -> bytes:
    return str(text).encode()


def _length(text: bytes) -> bytes:
    return len(text).to_bytes(_LENGTH_BYTES, "little")
