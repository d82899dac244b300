"""Which field of the page holds which values."""

from collections.abc import Mapping
from typing import Any

from gpux_predictor.tensors.batch_axis import BatchAxis
from gpux_predictor.tensors.signature import Tensor
from gpux_predictor.tensors.values import element_of, is_column

TEXT, IMAGE, TENSOR = "text", "image", "tensor"
_KINDS = {"s": "string", "b": "boolean", "i": "integer", "f": "number"}


def element_kind(tensor: Tensor) -> str:
    """The kind of one element: string, boolean, integer or number."""
    return _KINDS[element_of(tensor).kind]


def kind_of(tensor: Tensor, axis: BatchAxis) -> str:
    """The kind of a field for one sample of an input: a single element's where it is one, else a tensor's."""
    alone = len(tensor.shape) == 1 or is_column(tensor)
    return element_kind(tensor) if alone and tensor.name in axis.inputs else TENSOR


def takes(kind: str | None, value: Any) -> bool:  # noqa: ANN401
    """Whether a field of this kind can hold the value; none can for a name that has no field."""
    if kind == IMAGE:
        return picture(value) is not None
    if kind in (TEXT, "string"):
        return isinstance(value, str)
    if kind in ("boolean", "integer", "number"):
        return isinstance(value, (bool, int, float))
    return kind == TENSOR


def picture(value: Any) -> str | None:  # noqa: ANN401
    """A file in base64 as it is, or from `{"b64": "…"}`; None for pixels, which no field shows."""
    found = value.get("b64") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) else None
