"""Requests with features about several entities, whose rows may share a run or may not."""

from pathlib import Path
from typing import Any

import onnx
import orjson
import pytest
from onnx import helper

import onnxmodels


def share_of_the_total(folder: Path) -> None:
    """x float32 [n, 2] -> y = x / sum of x over the batch, as a model whose rows must not share a run."""
    x, y = (onnxmodels.tensor(name, "float32", ["n", 2]) for name in "xy")
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=1),
        helper.make_node("Div", ["x", "total"], ["y"]),
    ]
    onnxmodels.save(folder / "model.onnx", nodes, [x], [y])
    onnx.checker.check_model(onnx.load(folder / "model.onnx"))


@pytest.mark.parametrize("axis", ["auto", "first"])
def test_entities_share_a_run_where_the_model_allows_it(tmp_path: Path, load_model: Any, axis: str) -> None:
    share_of_the_total(tmp_path)
    loaded = load_model(preprocessing={"tabular": {"features": ["a", "b"]}}, runtime={"batching": {"batchAxis": axis}})
    rows = [{"id": i, "features": {"a": i + 1, "b": 1}} for i in range(3)]
    found = [item["prediction"]["predicted_value"] for item in orjson.loads(loaded.predict(orjson.dumps(rows)))]
    totals = [2, 3, 4] if axis == "auto" else [9, 9, 9]
    assert found == [pytest.approx([(i + 1) / total, 1 / total]) for i, total in enumerate(totals)]
