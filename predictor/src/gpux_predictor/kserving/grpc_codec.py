"""The messages of the protocol's gRPC service, to arrays and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from gpux_predictor.errors import BadRequest
from gpux_predictor.protocols import oip_tensors
from gpux_predictor.protocols.oip_checks import (
    check_datatype,
    check_distinct,
    check_parameters,
    check_shape,
    check_wanted,
    output_tensor,
)
from gpux_predictor.tensors.dtypes import ElementType
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.tensors.values import element_of, elements

_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of `InferTensorContents` for each datatype; FP16 and BF16 have none and are always raw."""
_NARROW = ("INT8", "INT16", "UINT8", "UINT16")
"""Datatypes whose field holds more values than they do."""


def arrays(signature: Signature, request: "pb.ModelInferRequest") -> dict[str, np.ndarray]:
    """The arrays of a ModelInfer request; an input that the model does not have is there too, to be refused by its name.

    Raises:
        BadRequest: a tensor that is not what its input takes, or an unknown output.
    """
    check_wanted(signature, [output.name for output in request.outputs])
    for output in request.outputs:
        check_parameters("output", output.name, output.parameters)
    check_distinct("input", [item.name for item in request.inputs])
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise BadRequest(
            f"Invalid request: {len(request.inputs)} inputs, but raw_input_contents has {len(raw)} entries"
        )
    known = {tensor.name: tensor for tensor in signature.inputs}
    found = {}
    for position, item in enumerate(request.inputs):
        check_parameters("input", item.name, item.parameters)
        tensor = known.get(item.name)
        found[item.name] = np.empty(0) if tensor is None else _array(tensor, item, raw[position] if raw else None)
    return found


def _array(tensor: Tensor, item: Any, raw: bytes | None) -> np.ndarray:  # noqa: ANN401
    check_datatype(tensor, item.datatype)
    shape = check_shape(tensor.name, list(item.shape))
    if raw is None:
        return oip_tensors.fill(tensor, _typed(tensor, item.contents), shape)
    if item.HasField("contents"):
        raise BadRequest(f"Invalid input value for '{tensor.name}': it is in contents and in raw_input_contents")
    return oip_tensors.from_bytes(tensor, raw, shape)


def _typed(tensor: Tensor, contents: Any) -> np.ndarray:  # noqa: ANN401
    """The elements out of the field for their datatype."""
    element = element_of(tensor)
    field = _CONTENTS.get(element.oip)
    if field is None:
        raise BadRequest(f"Invalid input value for '{tensor.name}': {element.oip} goes into raw_input_contents")
    used = [descriptor.name for descriptor, _ in contents.ListFields()]
    if used not in ([], [field]):
        raise BadRequest(
            f"Invalid input value for '{tensor.name}': {element.oip} goes into {field}, found {', '.join(used)}"
        )
    values = getattr(contents, field)
    if element.kind == "s":
        return oip_tensors.strings(tensor, values)
    if element.oip in _NARROW and len(values):
        return elements(tensor, list(values))
    return np.fromiter(values, element.dtype, len(values))


def response(
    model: str, version: str | None, signature: Signature, request: "pb.ModelInferRequest", outputs: Mapping[str, Any]
) -> "pb.ModelInferResponse":
    """The ModelInfer response: raw if the request was, or if an output has no typed field.

    Raises:
        BadRequest: an output that is a sequence or a map.
    """
    names = [output.name for output in request.outputs] or [tensor.name for tensor in signature.outputs]
    tensors = [(name, *output_tensor(signature, name, outputs[name])) for name in names]
    answer = pb.ModelInferResponse(
        model_name=model,
        model_version=version or "",
        id=request.id,
        outputs=[
            pb.ModelInferResponse.InferOutputTensor(name=name, datatype=element.oip, shape=array.shape)
            for name, element, array in tensors
        ],
    )
    if request.raw_input_contents or any(element.oip not in _CONTENTS for _, element, _ in tensors):
        answer.raw_output_contents.extend(bytes(oip_tensors.to_bytes(element, array)) for _, element, array in tensors)
    else:
        for output, (_, element, array) in zip(answer.outputs, tensors, strict=True):
            getattr(output.contents, _CONTENTS[element.oip]).extend(_values(element, array))
    return answer


def _values(element: ElementType, array: np.ndarray) -> Sequence[Any]:
    values: list[Any] = array.ravel().tolist()
    return [str(text).encode() for text in values] if element.kind == "s" else values
