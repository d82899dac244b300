"""The Open Inference Protocol (KServe V2): its tensors to arrays and back, on the SDK's types."""

import math
import struct
from typing import Any
from uuid import uuid4

import numpy as np
from kserve.protocol.infer_type import InferInput, InferOutput, InferRequest, InferResponse

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.dtypes import ElementType
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.tensors.values import element_of, elements


def metadata(tensors: tuple[Tensor, ...]) -> list[dict[str, Any]]:
    """Tensors as the model metadata response lists them."""
    return [
        {"name": t.name, "datatype": t.element.oip if t.element else "BYTES", "shape": t.describe()["shape"]}
        for t in tensors
    ]


def arrays(signature: Signature, request: InferRequest) -> dict[str, np.ndarray]:
    """The arrays of a V2 request.

    Raises:
        BadRequest: a datatype that is not the input's, or data that does not fill the shape.
    """
    known = {tensor.name: tensor for tensor in signature.inputs}
    names = [item.name for item in request.inputs]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise BadRequest(f"Invalid request body: input '{repeated[0]}' is there twice")
    return {item.name: _array(item, known.get(item.name)) for item in request.inputs}


def _array(item: InferInput, tensor: Tensor | None) -> np.ndarray:
    if tensor is None:
        return np.empty(0)  # goes on to be refused by its name
    element = element_of(tensor)
    if item.datatype != element.oip:
        raise BadRequest(
            f"Invalid input type for '{item.name}': expected datatype {element.oip}, found {item.datatype}"
        )
    shape = item.shape
    if any(not isinstance(size, int) or size < 0 for size in shape):
        raise BadRequest(f"Invalid input shape for '{item.name}': {shape} is no shape")
    array = _binary(item) if item._raw_data is not None else elements(tensor, item.data)
    if array.size != math.prod(shape):
        raise BadRequest(f"Invalid input value for '{item.name}': {array.size} elements do not fill the shape {shape}")
    return array.reshape(shape)


def _binary(item: InferInput) -> np.ndarray:
    """The elements that came as bytes."""
    try:
        array: np.ndarray = item.as_numpy()
        if item.datatype == "BYTES":
            return np.array([text.decode() for text in array.flat], dtype=object)
    except (ValueError, TypeError, struct.error) as error:
        raise BadRequest(f"Invalid input value for '{item.name}': {error}") from None
    return array


def response(model: str, signature: Signature, request: InferRequest, outputs: dict[str, Any]) -> InferResponse:
    """The V2 answer, with the outputs that were asked for (all if none were named) and binary where that was asked for.

    Raises:
        BadRequest: an output was asked for that the model does not have.
    """
    wanted = [output.name for output in request.request_outputs or []] or list(outputs)
    if unknown := [name for name in wanted if name not in outputs]:
        raise BadRequest(
            f"Unknown output: '{unknown[0]}'; this model gives {', '.join(repr(name) for name in outputs)}"
        )
    elements = {tensor.name: tensor.element for tensor in signature.outputs}
    return InferResponse(
        response_id=request.id or str(uuid4()),  # KServe's response model wants one
        model_name=model,
        infer_outputs=[_output(name, elements[name], outputs[name]) for name in wanted],
        use_binary_outputs=request.use_binary_outputs,
        requested_outputs=request.request_outputs,
    )


def _output(name: str, element: ElementType | None, value: Any) -> InferOutput:  # noqa: ANN401
    if element is None or not isinstance(value, np.ndarray):
        raise BadRequest(
            f"Output '{name}' is no tensor, which this protocol cannot carry: ask for other outputs or use /predict"
        )
    array = (
        np.array([str(item).encode() for item in value.flat], dtype=object).reshape(value.shape)
        if element.kind == "s"
        else value
    )
    output = InferOutput(name, list(array.shape), "FP32" if element.name == "bfloat16" else element.oip)
    if array.size == 0:
        output.data = []  # KServe takes empty bytes for no data at all
    else:
        output.set_data_from_numpy(array, binary_data=True)
    return output
