"""A body in, a body out: the protocols on a service, for any HTTP server."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from gpux_predictor.protocols import oip_request, oip_response, v1
from gpux_predictor.protocols.oip_request import HEADER_LENGTH
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tensors.signature import Signature

P = ParamSpec("P")
T = TypeVar("T")
_TEXT_BYTES = 64 * 2**10
"""About a millisecond of JSON or strings; more of them leave the event loop."""
_BINARY_BYTES = 2**20
"""Less than a millisecond of bytes, which are only looked at, or copied once."""


async def infer_v2(service: ModelService, body: bytes, header_length: str | None) -> tuple[bytes, dict[str, str]]:
    """Answers an inference request of the Open Inference Protocol.

    Args:
        service: the model.
        body: the HTTP body.
        header_length: the header `Inference-Header-Content-Length`, if there is one.

    Returns:
        The body of the answer and its headers.

    Raises:
        RequestError: with the status and the detail to answer.
    """
    signature = service.ready_model().signature
    slow = _slow_body(signature, body, header_length)
    request = await _in_thread_if(slow, oip_request.parse, body, header_length, signature)
    outputs = await service.infer(request.arrays)
    answer, length = await _in_thread_if(
        _slow_outputs(outputs.values()),
        oip_response.render,
        service.name,
        service.model.spec.model.version,
        signature,
        request,
        outputs,
    )
    if length is None:
        return answer, {"Content-Type": "application/json"}
    return answer, {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(length)}


async def predict_v1(service: ModelService, body: bytes) -> bytes:
    """Answers a V1 request, JSON to JSON.

    Raises:
        RequestError: with the status and the detail to answer.
    """
    signature = service.ready_model().signature
    arrays, samples = await _in_thread_if(len(body) > _TEXT_BYTES, v1.parse, body, signature)
    outputs = await service.infer(arrays)
    return await _in_thread_if(_slow_outputs(outputs.values()), v1.render, outputs, samples)


def _slow_body(signature: Signature, body: bytes, header_length: str | None) -> bool:
    """Whether reading the body takes longer than the event loop should wait."""
    if len(body) <= _TEXT_BYTES:
        return False
    numbers = all(tensor.element is not None and tensor.element.kind != "s" for tensor in signature.inputs)
    short = header_length is not None and header_length.isdecimal() and len(header_length) <= len(str(_TEXT_BYTES))
    return not (numbers and short and int(header_length or 0) <= _TEXT_BYTES and len(body) <= _BINARY_BYTES)


def _slow_outputs(outputs: Iterable[Any]) -> bool:
    """Whether writing the outputs does; what is no array counts as one."""
    return sum(value.nbytes if isinstance(value, np.ndarray) else _TEXT_BYTES for value in outputs) > _TEXT_BYTES


async def _in_thread_if(slow: bool, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """A hop to a thread costs as much as a small request itself, so that only work that is slow makes it."""
    return await asyncio.to_thread(function, *args, **kwargs) if slow else function(*args, **kwargs)
