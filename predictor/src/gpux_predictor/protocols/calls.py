"""A body in, a body out: the protocols on a service, for any HTTP server."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, ParamSpec, TypeVar

import numpy as np

from gpux_predictor.protocols import oip_request, oip_response, v1
from gpux_predictor.protocols.oip_request import HEADER_LENGTH
from gpux_predictor.serving.service import ModelService, Waiting
from gpux_predictor.tensors.signature import Signature

P = ParamSpec("P")
T = TypeVar("T")
_TEXT_BYTES = 64 * 2**10
"""About a millisecond of JSON or strings; more of them leave the event loop."""
_BINARY_BYTES = 2**20
"""Less than a millisecond of bytes, which are only looked at, or copied once."""


async def infer_v2(
    service: ModelService, body: bytes, header_length: str | None, waiting: Waiting = nullcontext
) -> tuple[bytes, dict[str, str]]:
    """Answers an inference request of the Open Inference Protocol.

    Args:
        service: the model.
        body: the HTTP body.
        header_length: the header `Inference-Header-Content-Length`, if there is one.
        waiting: entered while the request waits for its run.

    Returns:
        The body of the answer and its headers.

    Raises:
        RequestError: with the status and the detail to answer.
    """
    signature = service.ready_model().signature
    text = oip_request.json_length(body, header_length)
    slow = slow_input(signature, text, len(body) - text)
    request = await in_thread_if(slow, oip_request.parse, body, header_length, signature)
    outputs = await service.infer(request.arrays, waiting)
    answer, length = await in_thread_if(
        slow_output(outputs.values(), binary=request.all_binary),
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


async def predict_v1(service: ModelService, body: bytes, waiting: Waiting = nullcontext) -> bytes:
    """Answers a V1 request, JSON to JSON.

    Raises:
        RequestError: with the status and the detail to answer.
    """
    signature = service.ready_model().signature
    arrays, samples = await in_thread_if(slow_input(signature, len(body), 0), v1.parse, body, signature)
    outputs = await service.infer(arrays, waiting)
    return await in_thread_if(slow_output(outputs.values(), binary=False), v1.render, outputs, samples)


def slow_input(signature: Signature, text_bytes: int, binary_bytes: int) -> bool:
    """Whether reading a request takes longer than the event loop should wait; strings are read one by one."""
    numbers = all(tensor.element is not None and tensor.element.kind != "s" for tensor in signature.inputs)
    return text_bytes > _TEXT_BYTES or binary_bytes > (_BINARY_BYTES if numbers else _TEXT_BYTES)


def slow_output(outputs: Iterable[Any], *, binary: bool) -> bool:
    """Whether writing an answer does; what is no array may be anything."""
    size, limit = 0, _BINARY_BYTES if binary else _TEXT_BYTES
    for value in outputs:
        if not isinstance(value, np.ndarray):
            return True
        size += value.nbytes
        limit = _TEXT_BYTES if value.dtype.kind == "O" else limit
    return size > limit


async def in_thread_if(slow: bool, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """A hop to a thread costs as much as a small request itself, so that only work that is slow makes it."""
    return await asyncio.to_thread(function, *args, **kwargs) if slow else function(*args, **kwargs)
