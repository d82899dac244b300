"""What Triton's gRPC client makes of a server: `triton_grpc_client.py HOST:PORT MODEL.onnx`; exit code 0 if it agrees with ONNX Runtime.

A program of its own, since tritonclient.grpc and kserve each register the protocol's messages and refuse to share a process.
"""

import asyncio
import sys
from concurrent.futures import Future
from typing import Any

import numpy as np
import onnxruntime
import tritonclient.grpc
import tritonclient.grpc.aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

ADDRESS, MODEL = sys.argv[1:]
SESSION = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])


def feeds(batch: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    numbers = {name: random.normal(size=(batch, 3)).astype(np.float32) for name in ("a", "b")}
    return numbers | {"words": np.array([f"größe {i}\0" for i in range(batch)], dtype=object)}


def inputs_of(given: dict[str, Any]) -> list[Any]:
    inputs = [tritonclient.grpc.InferInput(name, a.shape, np_to_triton_dtype(a.dtype)) for name, a in given.items()]
    for item, array in zip(inputs, given.values(), strict=True):
        item.set_data_from_numpy(array)
    return inputs


def agrees(result: Any, given: dict[str, Any], *names: str) -> None:
    for name, want in zip(names, SESSION.run(list(names), given), strict=True):
        found = result.as_numpy(name)
        if want.dtype == object:
            assert [item.decode() for item in found.flat] == list(want.flat)
        else:
            np.testing.assert_array_equal(found, want)
            assert found.dtype == want.dtype


def infer(client: Any) -> None:
    given = feeds(4)
    result = client.infer("test", inputs_of(given), request_id="r-7")
    assert (result.get_response().id, result.get_response().model_version) == ("r-7", "3")
    agrees(result, given, "sum", "product", "said")
    wanted = [tritonclient.grpc.InferRequestedOutput(name) for name in ("said", "sum")]
    result = client.infer("test", inputs_of(given), model_version="3", outputs=wanted)
    assert [output.name for output in result.get_response().outputs] == ["said", "sum"]
    agrees(result, given, "sum", "said")


def infer_at_once(client: Any) -> None:
    many = [feeds(1 + seed % 4, seed) for seed in range(40)]
    answers: list[Future[Any]] = [Future() for _ in many]
    for given, answer in zip(many, answers, strict=True):
        client.async_infer(
            "test",
            inputs_of(given),
            lambda result, error, answer=answer: answer.set_exception(error) if error else answer.set_result(result),
        )
    for given, answer in zip(many, answers, strict=True):
        agrees(answer.result(30), given, "sum", "said")


def about(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("test", "3")
    assert client.get_server_metadata().name == "gpux-predictor"
    metadata = client.get_model_metadata("test")
    assert (metadata.platform, list(metadata.versions)) == ("onnxruntime_onnx", ["3"])
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [
        ("a", "FP32", [-1, 3]),
        ("b", "FP32", [-1, 3]),
        ("words", "BYTES", [-1]),
    ]


def refused(client: Any) -> None:
    for arguments, code in (
        (("other", inputs_of(feeds(1))), "NOT_FOUND"),
        (("test", inputs_of(feeds(1)), "4"), "NOT_FOUND"),
        (("test", inputs_of(feeds(1))[:1]), "INVALID_ARGUMENT"),
    ):
        assert code_of(client, *arguments) == f"StatusCode.{code}"


def code_of(client: Any, *arguments: Any) -> str | None:
    try:
        client.infer(*arguments)
    except InferenceServerException as error:
        return str(error.status())
    return None


async def infer_in_asyncio() -> None:
    async with tritonclient.grpc.aio.InferenceServerClient(ADDRESS) as client:
        many = [feeds(1, seed) for seed in range(20)]
        for given, result in zip(
            many, await asyncio.gather(*(client.infer("test", inputs_of(given)) for given in many)), strict=True
        ):
            agrees(result, given, "product")


if __name__ == "__main__":
    with tritonclient.grpc.InferenceServerClient(ADDRESS) as blocking:
        for check in (infer, infer_at_once, about, refused):
            check(blocking)
    asyncio.run(infer_in_asyncio())
