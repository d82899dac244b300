"""From one JSON value to one array, without silent loss; every error names the input."""

import math
from typing import Any

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.dtypes import ElementType
from gpux_predictor.tensors.shapes import shape_text
from gpux_predictor.tensors.signature import Tensor

_LEAST_INT64 = -(2.0**63)


def from_json(tensor: Tensor, value: Any) -> np.ndarray:  # noqa: ANN401
    """The array of one input; it may lack its first axis.

    Raises:
        BadRequest: as `elements`, or another number of dimensions.
    """
    return fit(tensor, elements(tensor, value))


def fit(tensor: Tensor, array: np.ndarray) -> np.ndarray:
    """The array with the rank that its input has, or one less.

    Raises:
        BadRequest: another number of dimensions.
    """
    if is_column(tensor) and (array.ndim == 0 or (array.ndim == 1 and array.size > 1)):
        array = array.reshape(1) if array.ndim == 0 else array.reshape(-1, 1)
    rank = len(tensor.shape)
    if rank and array.ndim not in (rank, rank - 1):
        raise BadRequest(
            f"Invalid input shape for '{tensor.name}': expected {shape_text(tensor)}, or one dimension less for one sample; "
            f"found {list(array.shape)}"
        )
    return array


def elements(tensor: Tensor, value: Any) -> np.ndarray:  # noqa: ANN401
    """The value as an array of the input's element type, in the shape in which it was sent.

    Raises:
        BadRequest: a wrong type, a ragged array, or a value that the element type cannot hold.
    """
    element = element_of(tensor)
    _check_json_type(tensor, element, value)
    try:
        array = np.asarray(value, dtype=object) if element.kind == "s" else np.asarray(value)
        if element.kind == "i" and array.dtype.kind == "f":
            array = _exact(value)
    except ValueError as error:
        raise BadRequest(f"Invalid input shape for '{tensor.name}': {_why_not_array(error)}") from None
    return convert(tensor, array)


def element_of(tensor: Tensor) -> ElementType:
    """The element type of an input; the loader refuses graphs with inputs of other kinds."""
    if tensor.element is None:
        raise BadRequest(f"Invalid input type for '{tensor.name}': this input is no tensor")
    return tensor.element


def json_type(value: Any) -> str:  # noqa: ANN401
    """What JSON calls the value."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")


def _check_json_type(tensor: Tensor, element: ElementType, value: Any) -> None:  # noqa: ANN401
    one = {"s": "string", "b": "boolean", "i": "number", "f": "number"}[element.kind]
    if isinstance(value, list):
        return
    rank = len(tensor.shape)
    takes_one = rank <= 1 or is_column(tensor)
    if takes_one and (json_type(value) == one or (element.kind == "b" and value in (0, 1))):
        return
    wanted = one if rank == 0 else f"{one} or array" if element.kind == "s" and takes_one else "array"
    raise BadRequest(f"Invalid input type for '{tensor.name}': expected {wanted}")


def is_column(tensor: Tensor) -> bool:
    """Shape [N, 1], which skl2onnx gives each column of a table: one number or string is one row, several are as many."""
    return len(tensor.shape) == 2 and tensor.shape[1] == 1


def _why_not_array(error: ValueError) -> str:
    if "maximum number of dimension" in str(error) or "depth" in str(error):
        return "nested too deeply"
    return "the nested arrays have different lengths"


def _exact(value: Any) -> np.ndarray:  # noqa: ANN401
    """Whole numbers of which numpy would make floats, and lose digits: uint64 beside int64, or 3.0."""
    array = np.asarray(value, dtype=object)
    whole = [_whole(item) if isinstance(item, float) and item.is_integer() else item for item in array.flat]
    return np.array(whole, dtype=object).reshape(array.shape)


def _whole(number: float) -> int:
    """JSON's integers beyond 64 bits come as floats; the one that looks like the least int64 was a lower one."""
    return int(math.nextafter(number, -math.inf) if number == _LEAST_INT64 else number)


def convert(tensor: Tensor, array: np.ndarray) -> np.ndarray:
    """The array in the input's element type, without silent loss.

    Raises:
        BadRequest: elements of another kind, fractions for integers, or numbers out of range.
    """
    element = element_of(tensor)
    if array.size == 0:
        raise BadRequest(f"Invalid input shape for '{tensor.name}': the array is empty")
    if element.kind == "s":
        return _strings(tensor, array)
    allowed = {"b": "b", "i": "iu", "f": "iuf"}[element.kind]
    if element.kind == "b" and array.dtype.kind in "iu" and np.isin(array, (0, 1)).all():
        return array.astype(np.bool_)
    if element.kind == "i" and array.dtype.kind == "O" and all(type(item) is int for item in array.flat):
        return _integers(tensor, element, array)
    if array.dtype.kind not in allowed:
        raise BadRequest(_wrong_elements(tensor, element, array))
    if element.kind == "i":
        return _integers(tensor, element, array)
    return _floats(tensor, element, array)


def _wrong_elements(tensor: Tensor, element: ElementType, array: np.ndarray) -> str:
    kinds = {"U": "strings", "b": "booleans", "O": "elements of different types, or null"}
    found = kinds.get(array.dtype.kind, "numbers")
    if array.dtype.kind == "O" and all(type(item) in (int, float) for item in array.flat):
        found = "numbers with a fraction" if element.kind == "i" else "numbers out of range"
    return f"Invalid input type for '{tensor.name}': expected elements of type {element.name}, found {found}"


def _strings(tensor: Tensor, array: np.ndarray) -> np.ndarray:
    if not all(isinstance(item, str) for item in array.flat):
        raise BadRequest(f"Invalid input type for '{tensor.name}': expected elements of type string")
    if tensor.max_length is not None and (longest := max(len(item) for item in array.flat)) > tensor.max_length:
        raise BadRequest(
            f"Invalid input value for '{tensor.name}': {longest} characters, at most {tensor.max_length} are taken (maxLength)"
        )
    return array


def _integers(tensor: Tensor, element: ElementType, array: np.ndarray) -> np.ndarray:
    limits = np.iinfo(element.dtype)
    low, high = int(array.min()), int(array.max())
    if low < limits.min or high > limits.max:
        worst = low if low < limits.min else high
        raise BadRequest(f"Invalid input value for '{tensor.name}': {worst} is out of range for {element.name}")
    return array.astype(element.dtype)


def _floats(tensor: Tensor, element: ElementType, array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        converted = array.astype(element.dtype)
    if element.dtype.itemsize < array.dtype.itemsize and not np.isfinite(converted).all():
        beyond = array[np.isinf(converted) & np.isfinite(array)]
        if beyond.size:
            raise BadRequest(f"Invalid input value for '{tensor.name}': {beyond[0]} is out of range for {element.name}")
    return converted
