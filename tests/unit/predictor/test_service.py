"""The service: readiness with its reason, the deadline, and what /info says."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

import onnxmodels
from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor import metrics
from gpux_predictor.batching.item import Batch, Item, Result
from gpux_predictor.engine import source
from gpux_predictor.errors import BadRequest, DeadlineExceeded, InferenceFailed, LoadReason, NotReady
from gpux_predictor.serving import about
from gpux_predictor.serving.loading import Origin
from gpux_predictor.serving.prepare import Prepared
from gpux_predictor.serving.service import ModelService

MakeService = Callable[..., ModelService]


def test_not_ready_says_why(make_model: Callable[..., GpuxModel], tmp_path: Path) -> None:
    service = ModelService(make_model(), Origin(tmp_path))
    with pytest.raises(NotReady, match="The model is not ready: Starting: the server is starting"):
        asyncio.run(service.predict(b"{}"))
    assert service.health.describe("test") == {
        "status": "unhealthy",
        "model": "test",
        "reason": "Starting",
        "detail": "the server is starting",
    }
    service.load()
    assert service.health.reason == LoadReason.MODEL_FILE_NOT_FOUND
    assert (
        service.health.detail
        == f"{tmp_path}/model.onnx does not exist: check spec.model.source.uri (file://{tmp_path}/model.onnx)"
    )


def test_a_device_that_breaks_again_and_again_ends_the_service(
    tmp_path: Path, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ONNX Runtime says of a lost GPU, on a machine that has none; one failure between runs that succeed is borne."""
    onnxmodels.identity(tmp_path / "model.onnx")
    service = make_service()
    assert service.loaded is not None
    assert service._inference is not None
    service._inference._at_once = 0  # as on every device
    session = service.loaded.session
    healthy, body = session._run, b'{"x": [[1, 2]]}'

    def lost(*_: Any) -> Any:
        raise RuntimeError("CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=node-7")

    async def ask() -> None:
        for run in (lost, lost, healthy, lost, lost, lost):
            assert service.live
            monkeypatch.setattr(session, "_run", run)
            with suppress(InferenceFailed):
                await service.predict(body)
        with pytest.raises(NotReady, match="DeviceFailed"):
            await service.predict(body)

    asyncio.run(ask())
    assert not service.live
    assert service.health.reason == LoadReason.DEVICE_FAILED
    assert service.health.detail == (
        "Inference failed: CUDA failure 700: an illegal memory access was encountered: the process has to be started again"
    )


def test_a_stopping_service_takes_nothing_new(tmp_path: Path, make_service: MakeService) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    service = make_service()
    service.stop()
    with pytest.raises(NotReady, match="Stopping"):
        asyncio.run(service.predict(b"{}"))


def test_broken_json(tmp_path: Path, make_service: MakeService) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    service = make_service()
    for body in (b"{broken", b"", b'{"x": NaN}', b"\xff", b"[" * 100_000):
        with pytest.raises(BadRequest, match="^Invalid JSON: "):
            asyncio.run(service.predict(body))


def test_the_deadline_stops_the_run_and_is_counted(tmp_path: Path, make_service: MakeService) -> None:
    onnxmodels.slow(tmp_path / "model.onnx", 10**10)
    service = make_service(runtime={"timeoutSeconds": 1})
    before = metrics.TIMEOUTS._value.get()
    with pytest.raises(DeadlineExceeded, match=r"took longer than 1 s \(runtime.timeoutSeconds\)"):
        asyncio.run(service.predict(b'{"x": [1, 2]}'))
    assert service._inference is not None
    service._inference.batcher._threads.shutdown(wait=True)  # returns only once the run has ended, by itself in hours
    assert metrics.TIMEOUTS._value.get() == before + 1


def test_the_event_loop_is_free_during_a_run(tmp_path: Path, make_service: MakeService) -> None:
    onnxmodels.slow(tmp_path / "model.onnx", 200_000_000)
    service = make_service(runtime={"timeoutSeconds": 1})

    async def ticks() -> int:
        task, count = asyncio.create_task(service.predict(b'{"x": [1, 2]}')), 0
        while not task.done():
            await asyncio.sleep(0.01)
            count += 1
        with pytest.raises(DeadlineExceeded):
            await task
        return count

    assert asyncio.run(ticks()) > 5, "a second has a hundred, on an idle machine"


def test_info(tmp_path: Path, make_service: MakeService) -> None:
    file = onnxmodels.identity(tmp_path / "model.onnx")
    service = make_service(model={"version": "1.2", "runId": "3f7a"})
    info = about.info(service.model, service.loaded)
    assert info["inputs"] == [{"name": "x", "type": "float32", "shape": [-1, 2]}]
    assert info["provider"] == "CPUExecutionProvider"
    assert info["sha256"] == source.digest(file)
    assert about.short_info(service.model, service.loaded) == {
        "model_name": "test",
        "model_version": "1.2",
        "model_run_id": "3f7a",
        "loaded": True,
    }


def test_checksum(tmp_path: Path, make_service: MakeService) -> None:
    file = onnxmodels.identity(tmp_path / "model.onnx")
    assert make_service(source={"sha256": source.digest(file)}).health.ready
    health = make_service(source={"sha256": "0" * 64}).health
    assert health.reason == LoadReason.CHECKSUM_MISMATCH
    assert "fix the manifest or the file" in health.detail


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"inputs": [{"name": "z"}]}, "input 'z' is not in the graph, which has 'x'"),
        ({"inputs": [{"name": "x", "type": "int64"}]}, "input 'x' is declared int64, the graph has float32"),
        (
            {"inputs": [{"name": "x", "shape": [-1, 3]}]},
            "input 'x' is declared with shape [-1, 3], the graph has [-1, 2]",
        ),
        ({"inputs": [{"name": "x", "shape": [2]}]}, "input 'x' is declared with shape [2], the graph has [-1, 2]"),
        (
            {"inputs": [{"name": "x", "shape": [-1, -1]}]},
            "input 'x' is declared with shape [-1, -1], the graph has [-1, 2]",
        ),
        ({"inputs": []}, "input 'x' of the graph is not declared: add it to spec.inputs"),
        ({"outputs": []}, "spec.outputs is empty: name an output, or remove it to answer all"),
        ({"outputs": [{"name": "z"}]}, "output 'z' is not in the graph, which has 'y'"),
        (
            {"inputs": [{"name": "x", "required": False}]},
            "declared with required: false, but the graph has no default for it",
        ),
    ],
)
def test_a_manifest_that_disagrees_with_the_graph(
    spec: dict[str, Any], problem: str, tmp_path: Path, make_service: MakeService
) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    health = make_service(**spec).health
    assert health.reason == LoadReason.SCHEMA_MISMATCH
    assert problem in health.detail


def test_a_declared_size_is_held_where_the_graph_varies(tmp_path: Path, make_service: MakeService) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", shape=["batch", "n"])
    service = make_service(inputs=[{"name": "x", "shape": [-1, 3]}])
    with pytest.raises(BadRequest, match=r"expected \[batch, 3\], found \[1, 2\]"):
        asyncio.run(service.predict(b'{"x": [1, 2]}'))


def test_only_declared_outputs_are_answered(tmp_path: Path, make_service: MakeService) -> None:
    tensors = [onnxmodels.tensor(name, "float32", ["n"]) for name in ("x", "y", "z")]
    nodes = [helper.make_node("Identity", ["x"], [name]) for name in ("y", "z")]
    onnxmodels.save(tmp_path / "model.onnx", nodes, tensors[:1], tensors[1:])
    assert asyncio.run(make_service(outputs=[{"name": "z"}]).predict(b'{"x": [1, 2]}')).content == b'{"z":[1.0,2.0]}'


def test_infer_holds_types_and_shapes(tmp_path: Path, make_service: MakeService) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    service = make_service()
    assert asyncio.run(service.infer({"x": np.ones((2, 2), np.float32)}))["y"].shape == (2, 2)
    cases: list[tuple[dict[str, np.ndarray], str]] = [
        ({}, "Missing required input: 'x'"),
        ({"x": np.ones((2, 2))}, "expected elements of type float32, found float64"),
        ({"x": np.ones((2, 3), np.float32)}, r"expected \[batch, 2\], found \[2, 3\]"),
        ({"x": np.ones((2, 2), np.float32), "z": np.ones(1)}, "Unknown input: 'z'"),
    ]
    for arrays, problem in cases:
        with pytest.raises(BadRequest, match=problem):
            asyncio.run(service.infer(arrays))


def lookup(path: Path) -> None:
    """ids int64 [n, 1] -> y float32 [n, 1, 4]: a table of 10 rows."""
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"])]
    ids, y = onnxmodels.tensor("ids", "int64", ["n", 1]), onnxmodels.tensor("y", "float32", ["n", 1, 4])
    onnxmodels.save(path, nodes, [ids], [y], {"table": np.random.default_rng(0).random((10, 4), np.float32)})


def test_nothing_waits_for_the_garbage_collector(
    tmp_path: Path, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error's traceback held frames, they a batch's inputs and results, and these the error: 100 MB in three minutes."""
    monkeypatch.setattr("gpux_predictor.serving.inference.AT_ONCE_SECONDS", 0.0)
    lookup(tmp_path / "model.onnx")
    service = make_service(runtime={"batching": {"maxSize": 4}})

    async def ask(*ids: int) -> None:
        with suppress(BadRequest):
            await service.predict(b'{"ids": %b}' % str([[i] for i in ids]).encode())

    async def work() -> None:
        await asyncio.gather(*(ask(i) for i in (1, 2, 99, 3)), ask(*range(9)), ask(1, 2, 3, 4, 99, 6))
        task = asyncio.create_task(ask(1))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        asyncio.run(work())
        gc.collect()
        kinds = {type(thing) for thing in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not kinds & {Item, Batch, Result, Prepared, BadRequest}
