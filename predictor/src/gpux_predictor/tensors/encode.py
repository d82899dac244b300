"""From a graph's outputs to JSON."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson


def to_json(outputs: Mapping[str, object]) -> bytes:
    """The outputs as a JSON object. NaN and infinities become null: JSON has no other word for them."""
    return orjson.dumps({name: jsonable(value) for name, value in outputs.items()}, option=orjson.OPT_SERIALIZE_NUMPY)


def value_to_json(value: object) -> bytes:
    """Any value with arrays and numpy's numbers in it as JSON."""
    return orjson.dumps(jsonable(value), option=orjson.OPT_SERIALIZE_NUMPY)


def jsonable(value: object) -> Any:  # noqa: ANN401  (any JSON value)
    """A value that orjson writes: arrays it knows stay arrays, the rest becomes lists, numbers and strings.

    float16 is widened to float32, which holds each of its values and which orjson knows; keys of maps (ZipMap's class labels)
    become strings.
    """
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.generic):
        return _array(np.asarray(value))
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return value


def _array(array: np.ndarray) -> Any:  # noqa: ANN401
    if array.dtype.kind in "OUS":
        return array.tolist()
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.ndim == 0:
        return array[()] if array.dtype == np.float32 else array.item()  # a float32 keeps its few digits
    return np.ascontiguousarray(array)
