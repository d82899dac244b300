"""Which work leaves the event loop."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import onnxmodels
from gpux_predictor.errors import NotReady
from gpux_predictor.protocols import calls
from gpux_predictor.protocols.oip_request import Request, RequestedOutput
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES
from gpux_predictor.tensors.signature import Signature, Tensor

TYPES = {element.name: element for element in ELEMENT_TYPES}
KIB = 2**10


@pytest.mark.parametrize(
    ("dtype", "text", "binary", "slow"),
    [
        ("float32", 64 * KIB, 0, False),
        ("float32", 65 * KIB, 0, True),
        ("float32", 100, 588 * KIB, False),
        ("float32", 100, 1025 * KIB, True),
        ("string", 100, 65 * KIB, True),
    ],
)
def test_slow_input(dtype: str, text: int, binary: int, slow: bool) -> None:
    signature = Signature((Tensor("x", TYPES[dtype], (None,)),), ())
    assert calls.slow_input(signature, text, binary) is slow


@pytest.mark.parametrize(
    ("output", "binary", "slow"),
    [
        (np.zeros(16 * KIB, np.float32), False, False),
        (np.zeros(17 * KIB, np.float32), False, True),
        (np.zeros(147 * KIB, np.float32), True, False),
        (np.full(9 * KIB, "a", object), True, True),
        ([{1: 0.5}], False, True),
    ],
)
def test_slow_output(output: Any, binary: bool, slow: bool) -> None:
    assert calls.slow_output([output], binary=binary) is slow


def test_in_a_thread_or_not() -> None:
    async def where(slow: bool) -> threading.Thread:
        return await calls.in_thread_if(slow, threading.current_thread)

    assert asyncio.run(where(False)) is threading.main_thread()
    assert asyncio.run(where(True)) is not threading.main_thread()


@pytest.mark.parametrize(
    ("outputs", "default", "binary"),
    [((), True, True), ((), False, False), ((None,), True, True), ((None, False), True, False), ((True,), False, True)],
)
def test_answers_that_are_all_bytes(outputs: tuple[bool | None, ...], default: bool, binary: bool) -> None:
    wanted = tuple(RequestedOutput(str(i), value) for i, value in enumerate(outputs))
    assert Request(None, {}, wanted, default).all_binary is binary


def test_bodies_in_and_out(make_service: Callable[..., ModelService], tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    service = make_service(model={"version": "3"})
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2]}
    text = orjson.dumps({"inputs": [tensor | {"data": [1, 2]}]})
    answer, headers = asyncio.run(calls.infer_v2(service, text, None))
    assert headers == {"Content-Type": "application/json"}
    assert orjson.loads(answer) == {
        "model_name": "test",
        "model_version": "3",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}],
    }
    head = orjson.dumps(
        {
            "inputs": [tensor | {"parameters": {"binary_data_size": 8}}],
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
        }
    )
    data = np.array([1, 2], np.float32).tobytes()
    answer, headers = asyncio.run(calls.infer_v2(service, head + data, str(len(head))))
    assert answer[int(headers["Inference-Header-Content-Length"]) :] == data
    assert orjson.loads(asyncio.run(calls.predict_v1(service, b'{"instances": [[1, 2]]}'))) == {"predictions": [[1, 2]]}
    service.stop()
    for call in (calls.infer_v2(service, text, None), calls.predict_v1(service, b"")):
        with pytest.raises(NotReady):
            asyncio.run(call)
