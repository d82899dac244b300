"""Bound runs are runs: the same results for any shape, in any order, from any thread."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnx import helper

import onnxmodels
from gpux_predictor.engine import binding
from gpux_predictor.engine.binding import Binding


def make(path: Path) -> ort.InferenceSession:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Mul", ["h", "by"], ["y"])]
    x, y = (onnxmodels.tensor(name, "float32", ["n", 4]) for name in ("x", "y"))
    by = onnxmodels.tensor("by", "float32", [1])
    weight = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    return ort.InferenceSession(str(onnxmodels.save(path, nodes, [x, by], [y], {"w": weight})))


def feeds(rows: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "x": random.standard_normal((rows, 4)).astype(np.float32),
        "by": random.standard_normal(1).astype(np.float32),
    }


def test_any_shape_in_any_order_from_any_thread(tmp_path: Path) -> None:
    session = make(tmp_path / "model.onnx")
    bound = Binding(session, "cpu")

    def check(seed: int) -> None:
        given = feeds(1 + seed * 8 % (2 * binding._SHAPES + 3), seed)
        [expected] = session.run(["y"], given)
        [found] = bound.run(["y"], given, None)
        np.testing.assert_array_equal(found, expected, strict=True)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(check, range(400)))
    for seed in range(100):
        check(seed)
    assert len(bound._local.kept) == binding._SHAPES


def test_an_answer_outlives_the_next_run(tmp_path: Path) -> None:
    bound = Binding(make(tmp_path / "model.onnx"), "cpu")
    [first] = bound.run(["y"], feeds(3, 1), None)
    before = first.copy()
    bound.run(["y"], feeds(3, 2), None)
    np.testing.assert_array_equal(first, before)


def test_arrays_that_are_views(tmp_path: Path) -> None:
    """A part of a larger request, or a transposed image, is not contiguous."""
    session = make(tmp_path / "model.onnx")
    x = np.asfortranarray(feeds(6, 3)["x"])[::2]
    given = {"x": x, "by": np.ones(1, np.float32)}
    [found] = Binding(session, "cpu").run(["y"], given, None)
    np.testing.assert_array_equal(found, session.run(["y"], given)[0])
