"""What a start learns: the curve and its knee, limits, hints, and that slow or odd graphs are served all the same."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

import onnxmodels
from gpux_predictor.engine.curve import Curve, Point, Stop, measure
from gpux_predictor.engine.options import Device
from gpux_predictor.engine.proof import ON_DEVICE
from gpux_predictor.engine.session import Session
from gpux_predictor.engine.warmup import warm_up
from gpux_predictor.engine.wishes import Hints, Traits, Wish
from gpux_predictor.serving.loading import LoadedModel

Load = Callable[..., LoadedModel]
node = helper.make_node


class Machine:
    """A clock, and runs that take what `cost` says of their rows."""

    def __init__(self, cost: Callable[[int], float]) -> None:
        self.now = 0.0
        self.sizes: list[int] = []
        self._cost = cost

    def run(self, rows: int) -> None:
        self.sizes.append(rows)
        self.now += self._cost(rows)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("cost", "most", "budget", "sizes", "limit"),
    [
        (lambda rows: 0.01, 256, 100.0, [1, 2, 4, 8, 16, 32, 64, 128, 256], 256),
        (lambda rows: 0.01 * rows, 256, 100.0, [1, 2, 4], 1),
        (lambda rows: 0.01 + 0.0001 * rows**2, 256, 100.0, [1, 2, 4, 8, 16, 32], 8),
        (lambda rows: 0.01, 6, 100.0, [1, 2, 4, 6], 6),
        (lambda rows: 0.01, 1, 100.0, [1], 1),
        (lambda rows: 3.0, 256, 10.0, [1], 1),
    ],
)
def test_the_knee(cost: Callable[[int], float], most: int, budget: float, sizes: list[int], limit: int) -> None:
    machine = Machine(cost)
    points = measure(machine.run, most, budget, machine.clock)
    assert [point.rows for point in points] == sizes
    assert [point.seconds for point in points] == pytest.approx([cost(rows) for rows in sizes])
    assert Curve(points, 1).limit == limit
    assert machine.now <= budget + 4 * cost(1)


@pytest.mark.parametrize(("most", "sizes"), [(64, [1, 4, 16, 64]), (10, [1, 4, 10]), (4, [1, 4]), (1, [1])])
def test_larger_steps(most: int, sizes: list[int]) -> None:
    machine = Machine(lambda rows: 0.01)
    assert [point.rows for point in measure(machine.run, most, 100.0, machine.clock, step=4)] == sizes


@pytest.mark.parametrize(
    ("most", "sizes", "expected"),
    [
        (None, 7, (1, 2, 4, 8, 16, 32, 64)),
        (None, 4, (1, 4, 16, 64)),
        (None, 2, (1, 64)),
        (10, 4, (1, 3, 9, 10)),
        (None, 1, ()),
    ],
)
def test_a_session_of_few_sizes(most: int | None, sizes: int, expected: tuple[int, ...], tmp_path: Path) -> None:
    """What is learnt of a graph whose every run takes as long, on a device where each size costs."""
    session = Session(onnxmodels.identity(tmp_path / "model.onnx"), "cpu", Device())

    def run(feeds: Mapping[str, np.ndarray]) -> dict[str, Any]:
        time.sleep(0.02)  # so long that what a busy machine adds does not halve a rate
        return session.run(["y"], feeds)

    learnt = warm_up(session.signature, frozenset({"x"}), run, Wish(max_rows=most), Hints(), Traits(ON_DEVICE, sizes))
    assert learnt.proof.batchable is bool(expected) or sizes == 1
    assert (learnt.sizes, learnt.limit) == (expected, expected[-1] if expected else 1)


def test_a_size_that_does_not_run_ends_the_curve() -> None:
    machine = Machine(lambda rows: 0.01)

    def run(rows: int) -> None:
        if rows == 8:
            raise Stop
        machine.run(rows)

    assert [point.rows for point in measure(run, 256, 100.0, machine.clock)] == [1, 2, 4]


def test_between_and_beyond_the_points() -> None:
    curve = Curve((Point(1, 0.1), Point(4, 0.4), Point(8, 0.5)), 10)
    assert [curve.seconds(rows) for rows in (1, 2, 6, 8, 80)] == pytest.approx([0.1, 0.2, 0.45, 0.5, 5.0])


def slow(path: Path, iterations: int, free_rows: int = 0) -> Path:
    """x float32 [n, 2] -> y = x + 1, in a loop of `iterations` of about 2 µs for each row beyond the free ones."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["go_on_out"]), helper.make_node("Cos", ["state"], ["state_out"])],
        "body",
        [onnxmodels.tensor("i", "int64", []), onnxmodels.tensor("go_on", "bool", []), onnxmodels.tensor("state", "float32", [])],
        [onnxmodels.tensor("go_on_out", "bool", []), onnxmodels.tensor("state_out", "float32", [])],
    )  # fmt: skip
    nodes = [
        node("Shape", ["x"], ["rows"], start=0, end=1),
        node("Squeeze", ["rows"], ["n"]),
        node("Sub", ["n", "free"], ["beyond"]),
        node("Relu", ["beyond"], ["paid"]),
        node("Mul", ["paid", "each"], ["count"]),
        node("Loop", ["count", "yes", "one"], ["spun"], body=body),
        node("Mul", ["spun", "zero"], ["nothing"]),
        node("Add", ["nothing", "one"], ["step"]),
        node("Add", ["x", "step"], ["y"]),
    ]
    constants = {
        "each": np.array(iterations, np.int64),
        "free": np.array(free_rows, np.int64),
        "yes": np.array(True),
        "one": np.array(1, np.float32),
        "zero": np.array(0, np.float32),
    }
    x, y = (onnxmodels.tensor(name, "float32", ["n", 2]) for name in ("x", "y"))
    return onnxmodels.save(path, nodes, [x], [y], constants)


def test_a_batch_longer_than_the_deadline_ends_the_curve_only(tmp_path: Path, load_model: Load) -> None:
    """What was learnt before the run that was stopped is kept: the proof, and the costs that admission needs.

    A run that is not stopped takes hours, here and in the next tests.
    """
    slow(tmp_path / "model.onnx", 10**10, free_rows=6)
    learnt = load_model(runtime={"timeoutSeconds": 1, "batching": {"maxSize": 64}}).learnt
    assert (learnt.proof.batchable, learnt.limit) == (True, 4), learnt.proof.why
    assert learnt.cost is not None
    assert [point.rows for point in learnt.cost.points] == [1, 2, 4]


def test_a_graph_too_slow_to_be_learnt_still_has_a_cost(
    tmp_path: Path, load_model: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(tmp_path / "model.onnx", 100_000)
    monkeypatch.setattr("gpux_predictor.serving.loading.WARM_UP_SECONDS", 1.0)
    loaded = load_model()
    assert (loaded.learnt.proof.batchable, loaded.learnt.proof.why) == (False, "trial runs take too long")
    assert loaded.learnt.cost is not None, "a request's admission needs to know what a run costs"
    assert loaded.learnt.cost.seconds(1) > 0.05


def test_a_graph_that_never_ends_is_served(tmp_path: Path, load_model: Load) -> None:
    slow(tmp_path / "model.onnx", 10**10)
    loaded = load_model(runtime={"timeoutSeconds": 1})
    assert (loaded.learnt.cost, loaded.plan.limit) == (None, 1)


def breaks_above(path: Path, rows: int) -> Path:
    """x float32 [n, 2] -> y = x; batches of more than `rows` are an index out of bounds."""
    nodes = [
        node("Shape", ["x"], ["s"], start=0, end=1),
        node("Gather", ["table", "s"], ["t"]),
        node("Mul", ["x", "t"], ["y"]),
    ]
    x, y = (onnxmodels.tensor(name, "float32", ["n", 2]) for name in ("x", "y"))
    return onnxmodels.save(path, nodes, [x], [y], {"table": np.ones(rows + 1, np.float32)})


@pytest.mark.parametrize("batching", [{}, {"maxSize": 64}, {"batchAxis": "first", "maxSize": 64}])
def test_batches_stay_below_the_size_at_which_the_graph_breaks(
    batching: dict[str, Any], tmp_path: Path, load_model: Load
) -> None:
    breaks_above(tmp_path / "model.onnx", 6)
    loaded = load_model(runtime={"batching": batching})
    assert loaded.learnt.proof.batchable
    assert loaded.learnt.limit <= 4
    assert loaded.learnt.cost is not None
    assert loaded.learnt.cost.points[-1].rows == 4


def changes_above(path: Path, rows: int) -> Path:
    """x float32 [n, 2] -> y = x, and in batches of more than `rows` y = x + 1."""
    nodes = [
        node("Shape", ["x"], ["s"], start=0, end=1),
        node("Greater", ["s", "most"], ["g"]),
        node("Cast", ["g"], ["f"], to=1),
        node("Add", ["x", "f"], ["y"]),
    ]
    x, y = (onnxmodels.tensor(name, "float32", ["n", 2]) for name in ("x", "y"))
    return onnxmodels.save(path, nodes, [x], [y], {"most": np.array([rows], np.int64)})


def test_a_result_that_changes_in_large_batches_ends_batching(tmp_path: Path, load_model: Load) -> None:
    changes_above(tmp_path / "model.onnx", 6)
    learnt = load_model(runtime={"batching": {"maxSize": 64}}).learnt
    assert not learnt.proof.batchable
    assert learnt.proof.why == "in a larger batch output 'y' of a sample depends on the samples beside it"
    assert learnt.cost is not None
    assert [point.rows for point in learnt.cost.points] == [1]


def test_a_declared_axis_is_believed(tmp_path: Path, load_model: Load) -> None:
    changes_above(tmp_path / "model.onnx", 1)
    assert not load_model().learnt.proof.batchable
    learnt = load_model(runtime={"batching": {"batchAxis": "first", "maxSize": 8}}).learnt
    assert (learnt.proof.batchable, learnt.limit) == (True, 8)
    assert learnt.proof.why == "declared by runtime.batching.batchAxis"


def test_a_declared_axis_that_cannot_be(tmp_path: Path, load_model: Load) -> None:
    """A scalar has nothing to be told apart by: the requests of a batch could not be answered."""
    x, y = onnxmodels.tensor("x", "float32", ["n", 2]), onnxmodels.tensor("y", "float32", [])
    onnxmodels.save(tmp_path / "model.onnx", [node("ReduceSum", ["x"], ["y"], keepdims=0)], [x], [y])
    learnt = load_model(runtime={"batching": {"batchAxis": "first"}}).learnt
    assert (learnt.proof.batchable, learnt.limit) == (False, 1)
    assert learnt.proof.why == "in a larger batch output 'y' has no row for each sample"


def test_declared_none(tmp_path: Path, load_model: Load) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    learnt = load_model(runtime={"batching": {"batchAxis": "none"}}).learnt
    assert (learnt.proof.batchable, learnt.limit) == (False, 1)
    assert learnt.proof.why == "declared by runtime.batching.batchAxis"


def picky(path: Path) -> Path:
    """x float32 [n, width] -> y [n, 2]: only a width of 10 runs, which is none that anybody would try."""
    x, y = onnxmodels.tensor("x", "float32", ["n", "width"]), onnxmodels.tensor("y", "float32", ["n", 2])
    weight = np.random.default_rng(0).standard_normal((10, 2)).astype(np.float32)
    return onnxmodels.save(path, [node("MatMul", ["x", "w"], ["y"])], [x], [y], {"w": weight})


def test_the_manifests_samples_are_tried_where_nothing_made_up_runs(tmp_path: Path, load_model: Load) -> None:
    picky(tmp_path / "model.onnx")
    loaded = load_model()
    assert (loaded.learnt.proof.why, loaded.learnt.cost) == ("no made-up sample runs: give one in spec.samples", None)
    assert not loaded.plan.batched
    sample = {"x": list(range(10))}
    [y] = loaded.session.run(["y"], {"x": np.arange(10, dtype=np.float32)[None]}).values()
    samples = [{"request": sample, "response": {"y": y[0].tolist()}}]
    hinted = load_model(samples=samples)
    assert hinted.learnt.proof.batchable
    assert hinted.learnt.cost is not None
    assert hinted.learnt.cost.elements == 10


@pytest.mark.parametrize("whole", [7, 50, 90, 300, 500, 800])
def test_tables_of_any_size(whole: int, tmp_path: Path, load_model: Load) -> None:
    """An index that happens to fit once must not decide for samples that do not."""
    x, y = onnxmodels.tensor("x", "int64", ["n"]), onnxmodels.tensor("y", "float32", ["n", 2])
    table = np.random.default_rng(0).standard_normal((whole, 2)).astype(np.float32)
    onnxmodels.save(tmp_path / "model.onnx", [node("Gather", ["table", "x"], ["y"])], [x], [y], {"table": table})
    assert load_model().learnt.proof.batchable


def test_a_graph_without_inputs(tmp_path: Path, load_model: Load) -> None:
    nodes = [node("RandomUniform", [], ["y"], shape=[1, 2], dtype=1)]
    onnxmodels.save(tmp_path / "model.onnx", nodes, [], [onnxmodels.tensor("y", "float32", [1, 2])])
    loaded = load_model()
    assert loaded.plan.seconds({}) > 0
    assert loaded.plan.share({}) > 0


def test_noise_is_not_batched(tmp_path: Path, load_model: Load) -> None:
    x, y = (onnxmodels.tensor(name, "float32", ["n", 2]) for name in ("x", "y"))
    nodes = [node("RandomUniformLike", ["x"], ["r"]), node("Add", ["x", "r"], ["y"])]
    onnxmodels.save(tmp_path / "model.onnx", nodes, [x], [y])
    assert not load_model().learnt.proof.batchable
