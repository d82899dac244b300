"""Rows of tables through a real model: the answer of each alone, and what becomes of runs that break."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from onnx import helper

import onnxmodels
from gpux_predictor.errors import BadRequest, DeviceFailed, InferenceFailed
from gpux_predictor.serving.rows import Rows, collect


def square(folder: Path, output: str = "rows") -> None:
    """X float32 [batch, 2] -> Y = X * X, whose first axis has a name of its own."""
    x, y = onnxmodels.tensor("X", "float32", ["batch", 2]), onnxmodels.tensor("Y", "float32", [output, 2])
    onnxmodels.save(folder / "model.onnx", [helper.make_node("Mul", ["X", "X"], ["Y"])], [x], [y])


def test_each_row_of_a_declared_axis_gets_its_own_answer(tmp_path: Path, load_model: Any) -> None:
    square(tmp_path)
    loaded = load_model(runtime={"batching": {"batchAxis": "first"}})
    requests = [{"X": [i, i + 1]} for i in range(4)]
    right, wrong = Rows(loaded).requests(requests)
    assert wrong == {}
    assert [orjson.loads(right[i]) for i in range(4)] == [
        orjson.loads(loaded.predict(orjson.dumps(request))) for request in requests
    ]


def test_an_output_without_a_row_for_each_sample_is_answered_row_by_row(tmp_path: Path, load_model: Any) -> None:
    """A declared axis that is wrong of one output: what is answered is still what each row gets alone."""
    x, y = onnxmodels.tensor("X", "float32", ["batch", 2]), onnxmodels.tensor("Y", "float32", ["rows"])
    nodes = [helper.make_node("ReduceSum", ["X", "zero"], ["Y"], keepdims=0)]
    onnxmodels.save(tmp_path / "model.onnx", nodes, [x], [y], {"zero": np.array([0], np.int64)})
    loaded = load_model(runtime={"batching": {"batchAxis": "first"}})
    right, _ = Rows(loaded).requests([{"X": [i, 1]} for i in range(3)])
    assert [orjson.loads(right[i]) for i in range(3)] == [{"Y": [i, 1]} for i in range(3)]


def test_rows_run_in_the_batch_sizes_of_a_device(
    tmp_path: Path, load_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    square(tmp_path, "batch")
    loaded = load_model()
    loaded = replace(loaded, plan=replace(loaded.plan, sizes=(1, 4, 16)))
    ran: list[int] = []
    run = loaded.session.run

    def counted(names: Sequence[str], feeds: dict[str, np.ndarray]) -> Any:
        ran.append(len(feeds["X"]))
        return run(names, feeds)

    monkeypatch.setattr(loaded.session, "run", counted)
    right, _ = Rows(loaded).requests([{"X": [i, 1]} for i in range(7)])
    assert [orjson.loads(right[i])["Y"] for i in range(7)] == [[i * i, 1] for i in range(7)]
    assert ran == [16]


def refusing(kind: type[Exception], *guilty: int) -> Callable[[Sequence[int]], list[bytes]]:
    def predict(rows: Sequence[int]) -> list[bytes]:
        if set(rows) & set(guilty):
            raise kind("why")
        return [str(row).encode() for row in rows]

    return predict


@pytest.mark.parametrize("kind", [BadRequest, InferenceFailed])
def test_the_guilty_row_is_found(kind: type[Exception]) -> None:
    found = collect([range(100)], refusing(kind, 7, 50))
    assert found.right.keys() == set(range(100)) - {7, 50}
    expected = {7: "why", 50: "why"}
    assert (found.wrong, found.broken) == ((expected, {}) if kind is BadRequest else ({}, expected))


def test_a_device_that_breaks_ends_the_run_at_once() -> None:
    ran: list[int] = []

    def predict(rows: Sequence[int]) -> list[bytes]:
        ran.append(len(rows))
        raise DeviceFailed("gone")

    with pytest.raises(DeviceFailed):
        collect([range(100), range(100, 200)], predict)
    assert ran == [100]


def test_where_no_run_succeeds_it_is_no_failure_of_rows(
    tmp_path: Path, load_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    square(tmp_path, "batch")
    rows = Rows(loaded := load_model())
    requests = [{"X": [i, 1]} for i in range(3)]
    run = loaded.session.run

    def broken(names: Sequence[str], feeds: dict[str, np.ndarray]) -> Any:
        if 1 in feeds["X"][:, 0]:
            raise InferenceFailed("Inference failed: out of memory")
        return run(names, feeds)

    monkeypatch.setattr(loaded.session, "run", broken)
    with pytest.raises(InferenceFailed, match=r"no run of 1 succeeded: .*: out of memory"):
        rows.requests(requests[1:2])
    right, wrong = rows.requests(requests)
    assert (set(right), wrong) == ({0, 2}, {1: "Inference failed: out of memory"})
    assert rows.requests(requests[1:2])[1], "one row at the table's end may be to blame by itself"
    with pytest.raises(InferenceFailed, match="no run of 2 succeeded"):
        rows.requests(requests[1:2] * 2)
