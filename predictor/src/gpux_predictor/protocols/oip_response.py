"""The inference response of the Open Inference Protocol over REST."""

from collections.abc import Mapping
from typing import Any

import orjson

from gpux_predictor.protocols import oip_tensors
from gpux_predictor.protocols.oip_checks import output_tensor
from gpux_predictor.protocols.oip_request import Request, RequestedOutput
from gpux_predictor.tensors import encode
from gpux_predictor.tensors.signature import Signature


def render(
    model: str, version: str | None, signature: Signature, request: Request, outputs: Mapping[str, Any]
) -> tuple[bytes, int | None]:
    """The body of a response.

    Returns:
        The body, and the length of its JSON in bytes if tensors follow it. In JSON, NaN and infinities are null.

    Raises:
        BadRequest: an output that is a sequence or a map.
    """
    described, parts = [], []
    for wanted in request.outputs or [RequestedOutput(tensor.name) for tensor in signature.outputs]:
        element, array = output_tensor(signature, wanted.name, outputs[wanted.name])
        entry: dict[str, Any] = {"name": wanted.name, "datatype": element.oip, "shape": array.shape}
        if request.binary_output if wanted.binary is None else wanted.binary:
            parts.append(oip_tensors.to_bytes(element, array))
            entry["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            entry["data"] = encode.jsonable(array.ravel())
        described.append(entry)
    document: dict[str, Any] = {"model_name": model, "outputs": described}
    if version is not None:
        document["model_version"] = version
    if request.id is not None:
        document["id"] = request.id
    text = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return (b"".join([text, *parts]), len(text)) if parts else (text, None)
