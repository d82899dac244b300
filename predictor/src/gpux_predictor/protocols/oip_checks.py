"""What a request of the Open Inference Protocol says, held against the model: REST and gRPC refuse alike."""

from collections.abc import Container, Sequence
from http import HTTPStatus
from typing import Any

import numpy as np

from gpux_predictor.errors import BadRequest, RequestError
from gpux_predictor.tensors.dtypes import ElementType
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.tensors.values import element_of

_NOT_SERVED = {
    "classification": "take the output itself and sort it",
    "shared_memory_region": "send the tensor in the request",
}
"""Triton's parameters that change what a tensor is; any other is the caller's own and passes."""


class ModelNotFound(RequestError):
    """The path or message names a model, or a version of it, that this server does not have."""

    status = HTTPStatus.NOT_FOUND


def check_model(name: str, version: str | None, asked_name: str, asked_version: str | None) -> None:
    """Holds the model that a request names against the one that is served; no version means any.

    Raises:
        ModelNotFound: another one.
    """
    if asked_name != name:
        raise ModelNotFound(f"Unknown model: '{shown(asked_name)}'; this server serves '{name}'")
    if asked_version and asked_version != version:
        serves = f"serves '{version}'" if version else "serves it without a version (spec.model.version)"
        raise ModelNotFound(f"Unknown version: '{shown(asked_version)}' of model '{name}'; this server {serves}")


def shown(value: object) -> str:
    """A value of the request in a message: its beginning, printable, since a caller may send megabytes."""
    return f"{value!s:.60}".encode("ascii", "replace").decode()


def check_datatype(tensor: Tensor, datatype: object) -> None:
    """Holds a datatype of the protocol against the input's element type.

    Raises:
        BadRequest: another one.
    """
    expected = element_of(tensor).oip
    if not isinstance(datatype, str) or datatype.upper() != expected:
        raise BadRequest(
            f"Invalid input type for '{tensor.name}': expected datatype {expected}, found {shown(datatype)}"
        )


def check_shape(name: str, shape: object) -> list[int]:
    """The shape that a request gives a tensor.

    Raises:
        BadRequest: it is no list of sizes.
    """
    if not isinstance(shape, list) or any(type(size) is not int or size < 0 for size in shape):
        raise BadRequest(f"Invalid input shape for '{shown(name)}': {shown(shape)} is no shape")
    return shape


def check_parameters(what: str, name: str, parameters: Container[str]) -> None:
    """Refuses the parameters of a tensor that would be ignored at the caller's cost.

    Raises:
        BadRequest: Triton's classification or shared memory.
    """
    for key, instead in _NOT_SERVED.items():
        if key in parameters:
            raise BadRequest(
                f"Invalid request body: {what} '{shown(name)}': parameter '{key}' is not served: {instead}"
            )


def check_wanted(signature: Signature, names: Sequence[str]) -> None:
    """Holds the outputs asked for against those that there are.

    Raises:
        BadRequest: an unknown one, or one that is there twice.
    """
    known = [tensor.name for tensor in signature.outputs]
    if unknown := [name for name in names if name not in known]:
        raise BadRequest(
            f"Unknown output: '{shown(unknown[0])}'; this model gives {', '.join(repr(name) for name in known)}"
        )
    check_distinct("output", names)


def check_distinct(what: str, names: Sequence[str]) -> None:
    """Refuses a name that is there twice.

    Raises:
        BadRequest: naming it.
    """
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest(f"Invalid request body: {what} '{shown(twice)}' is there twice")


def output_tensor(signature: Signature, name: str, value: Any) -> tuple[ElementType, np.ndarray]:  # noqa: ANN401
    """The element type and array of an output.

    Raises:
        BadRequest: it is a sequence or a map.
    """
    element = next(tensor.element for tensor in signature.outputs if tensor.name == name)
    if element is None or not isinstance(value, np.ndarray):
        raise BadRequest(
            f"Output '{name}' is no tensor, which this protocol cannot carry: ask for other outputs or use /predict"
        )
    return element, value
