"""One value of a request to one element of the graph, by the feature's name."""

import math
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.dtypes import first_beyond
from gpux_predictor.tensors.signature import Tensor
from gpux_predictor.tensors.values import element_of
from gpux_predictor.transforms.strings import check_unicode

Take = Callable[[str, Any], Any]
"""A feature's name and the value that was sent to the element; raises BadRequest with the name."""
_COMPARED = 50_000
"""Characters of known names times those of an unknown one that are compared: 14 ms at the most, of thousands of short names."""


def taker(tensor: Tensor) -> Take:
    """How values for an input of the graph are checked."""
    element = element_of(tensor)
    if element.kind == "s":
        return partial(_string, tensor.max_length)
    if element.kind == "b":
        return _boolean
    if element.kind == "i":
        limits = np.iinfo(element.dtype)
        return partial(_integer, element.name, int(limits.min), int(limits.max))
    return partial(_float, element.name, first_beyond(element.dtype))


def unknown(name: str, names: list[str]) -> BadRequest:
    """The error of a feature that the model does not have, with the name that was probably meant."""
    few = len(name) * sum(map(len, names)) <= _COMPARED
    near = get_close_matches(name, names, 1) if few else []
    meant = f", did you mean '{near[0]}'?" if near else ";"
    return BadRequest(f"Unknown feature: '{name:.100}'{meant} this model takes {some(names)}")


def some(names: list[str]) -> str:
    """The first names of what may be thousands."""
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def _float(element: str, beyond: int, name: str, value: Any) -> float:  # noqa: ANN401
    if type(value) is not float and type(value) is not int:
        raise BadRequest(f"Invalid feature type for '{name}': expected number")
    if not -beyond < value < beyond and _finite(value):  # NaN and infinities go as they are
        raise _out_of_range(element, name, value)
    return value


def _integer(element: str, low: int, high: int, name: str, value: Any) -> int:  # noqa: ANN401
    if type(value) is not float and type(value) is not int:
        raise BadRequest(f"Invalid feature type for '{name}': expected number")
    if not _finite(value) or value != int(value):
        raise BadRequest(f"Invalid feature type for '{name}': expected integer")
    if not low <= value <= high:
        raise _out_of_range(element, name, value)
    return int(value)


def _boolean(name: str, value: Any) -> bool:  # noqa: ANN401
    if type(value) not in (bool, int, float) or value not in (0, 1):
        raise BadRequest(f"Invalid feature type for '{name}': expected boolean")
    return bool(value)


def _string(max_length: int | None, name: str, value: Any) -> str:  # noqa: ANN401
    if type(value) is not str:
        raise BadRequest(f"Invalid feature type for '{name}': expected string")
    if max_length is not None and len(value) > max_length:
        raise BadRequest(
            f"Invalid feature value for '{name}': {len(value)} characters, at most {max_length} are taken (maxLength)"
        )
    check_unicode(name, value)
    return value


def _finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _out_of_range(element: str, name: str, value: float) -> BadRequest:
    shown = str(value) if isinstance(value, float) or abs(value) < 10**30 else "the number"
    return BadRequest(f"Invalid feature value for '{name}': {shown} is out of range for {element}")
