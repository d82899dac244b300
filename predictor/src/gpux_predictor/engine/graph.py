"""What ONNX Runtime says of a graph's inputs and outputs."""

from typing import Any

import onnxruntime as ort

from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.tensors.dtypes import from_onnx
from gpux_predictor.tensors.signature import Signature, Tensor

_NAMELESS = ("", "?", "None", "-1")
"""How exporters write a dimension without a name where the format wants one."""


def signature(session: "ort.InferenceSession") -> Signature:
    """Inputs and outputs of a session's graph.

    Raises:
        LoadError: UnsupportedTensorType: a type that no request or answer can carry.
    """
    inputs = tuple(_tensor(arg, required=True) for arg in session.get_inputs())
    optional = tuple(_tensor(arg, required=False) for arg in session.get_overridable_initializers())
    for tensor, arg in zip(inputs, session.get_inputs(), strict=True):
        if tensor.element is None:
            raise LoadError(
                LoadReason.UNSUPPORTED_TENSOR_TYPE,
                f"input '{tensor.name}' is a {arg.type}: only tensors of floats, integers, booleans and strings can be sent",
            )
    for arg in session.get_outputs():
        if arg.type.startswith("tensor(") and from_onnx(arg.type) is None:
            raise LoadError(
                LoadReason.UNSUPPORTED_TENSOR_TYPE,
                f"output '{arg.name}' is a {arg.type}, which no answer can carry: cast it",
            )
    outputs = tuple(_tensor(arg, required=True) for arg in session.get_outputs())
    return Signature(inputs, outputs, optional)


def _tensor(arg: Any, *, required: bool) -> Tensor:  # noqa: ANN401  (onnxruntime.NodeArg has no types)
    element = from_onnx(arg.type)
    shape = tuple(None if dim in _NAMELESS else dim for dim in arg.shape or ()) if element is not None else ()
    return Tensor(arg.name, element, shape, required)
