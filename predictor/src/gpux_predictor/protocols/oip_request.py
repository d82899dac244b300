"""The inference request of the Open Inference Protocol over REST: JSON, or JSON followed by tensors as bytes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from gpux_predictor.errors import BadRequest
from gpux_predictor.protocols import oip_tensors
from gpux_predictor.protocols.oip_checks import (
    check_datatype,
    check_distinct,
    check_parameters,
    check_shape,
    check_wanted,
    shown,
)
from gpux_predictor.protocols.oip_fields import flag, objects, parameters_of
from gpux_predictor.tensors import booleans
from gpux_predictor.tensors.signature import Signature, Tensor

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The HTTP header with the length of the JSON in bytes, where tensors follow it."""
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """An output that the caller asks for.

    Attributes:
        binary: as bytes or as JSON; None leaves it to the request.
    """

    name: str
    binary: bool | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """An inference request.

    Attributes:
        arrays: in the dtypes and shapes of the request; an input that the model does not have is there too, empty, to be
            refused by its name.
        outputs: the outputs asked for; none means all.
        binary_output: whether outputs that do not say so themselves go as bytes.
    """

    id: str | None
    arrays: dict[str, np.ndarray]
    outputs: tuple[RequestedOutput, ...] = ()
    binary_output: bool = False

    @property
    def all_binary(self) -> bool:
        """Whether the answer is bytes and next to no JSON."""
        outputs = [self.binary_output if output.binary is None else output.binary for output in self.outputs]
        return all(outputs) if outputs else self.binary_output


def parse(body: bytes, header_length: str | None, signature: Signature) -> Request:
    """The request in an HTTP body.

    Args:
        body: JSON, and after it the tensors that came as bytes.
        header_length: the header `Inference-Header-Content-Length`, None for a body that is all JSON.
        signature: the model's.

    Raises:
        BadRequest: malformed JSON or header, a field of another kind, or a tensor that is not what its input takes.
    """
    document, binary = _split(body, header_length)
    inputs = objects(document, "inputs")
    booleans.check(signature, body, {item["name"]: item.get("data") for item in inputs})
    identifier = document.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise BadRequest("Invalid request body: id: expected a string")
    return Request(
        identifier,
        _arrays(inputs, binary, signature),
        _outputs(objects(document, "outputs"), signature) if document.get("outputs") is not None else (),
        flag(document, "request", "binary_data_output") or False,
    )


def json_length(body: bytes, header_length: str | None) -> int:
    """The length of the JSON at the beginning of a body, in bytes.

    Raises:
        BadRequest: the header is no length, or a longer one than the body's.
    """
    if header_length is None:
        return len(body)
    digits = header_length.strip()
    known = digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS
    if not known or int(digits) > len(body):
        raise BadRequest(
            f"Invalid {HEADER_LENGTH}: expected the length of the JSON in bytes, at most the body's {len(body)}, "
            f"found '{shown(header_length)}'"
        )
    return int(digits)


def _split(body: bytes, header_length: str | None) -> tuple[dict[str, Any], memoryview | None]:
    """The JSON object at the beginning, and what follows it: None if nothing is announced."""
    view, length = memoryview(body), json_length(body, header_length)
    try:
        document = orjson.loads(view[:length])
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Invalid JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadRequest('Invalid request body: expected {"inputs": [...]}')
    return document, None if header_length is None else view[length:]


def _arrays(inputs: list[dict[str, Any]], binary: memoryview | None, signature: Signature) -> dict[str, np.ndarray]:
    known = {tensor.name: tensor for tensor in signature.inputs}
    check_distinct("input", [item["name"] for item in inputs])
    arrays, offset = {}, 0
    for item in inputs:
        name, parameters = item["name"], parameters_of(item, "input")
        check_parameters("input", name, parameters)
        size = parameters.get("binary_data_size")
        raw = None if size is None else _slice(name, binary, offset, size)
        offset += 0 if raw is None else len(raw)
        arrays[name] = _array(known[name], item, raw) if name in known else np.empty(0)
    if binary is not None and offset != len(binary):
        raise BadRequest(
            f"Invalid request body: {len(binary)} bytes follow the JSON, the inputs' binary_data_size add up to {offset}"
        )
    return arrays


def _slice(name: str, binary: memoryview | None, offset: int, size: object) -> memoryview:
    if type(size) is not int or size < 0:
        raise BadRequest(f"Invalid input value for '{shown(name)}': binary_data_size {shown(size)} is no size in bytes")
    if binary is None:
        raise BadRequest(
            f"Invalid input value for '{shown(name)}': it has a binary_data_size, but the request has no header {HEADER_LENGTH}"
        )
    if offset + size > len(binary):
        raise BadRequest(
            f"Invalid input value for '{shown(name)}': binary_data_size is {size}, but {len(binary) - offset} bytes are left"
        )
    return binary[offset : offset + size]


def _array(tensor: Tensor, item: dict[str, Any], raw: memoryview | None) -> np.ndarray:
    check_datatype(tensor, item.get("datatype"))
    shape = check_shape(tensor.name, item.get("shape"))
    if ("data" in item) == (raw is not None):
        found = "nothing" if raw is None else "both"
        raise BadRequest(
            f"Invalid input value for '{tensor.name}': expected data or a binary_data_size in parameters, found {found}"
        )
    if raw is None:
        return oip_tensors.from_json(tensor, item["data"], shape)
    return oip_tensors.from_bytes(tensor, raw, shape)


def _outputs(items: list[dict[str, Any]], signature: Signature) -> tuple[RequestedOutput, ...]:
    check_wanted(signature, [item["name"] for item in items])
    for item in items:
        check_parameters("output", item["name"], parameters_of(item, "output"))
    return tuple(RequestedOutput(item["name"], flag(item, "output", "binary_data")) for item in items)
