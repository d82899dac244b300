"""Merging and splitting, against what each request gives alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

import onnxmodels
from gpux_predictor.batching.item import Batch, Item
from gpux_predictor.batching.joining import join
from gpux_predictor.batching.plan import Plan
from gpux_predictor.batching.runner import Runner
from gpux_predictor.engine.curve import Curve, Point
from gpux_predictor.engine.options import Device
from gpux_predictor.engine.session import Session, run_options
from gpux_predictor.errors import BadRequest, InferenceFailed

node = helper.make_node
Arrays = dict[str, np.ndarray]
COST = Curve((Point(1, 0.001), Point(8, 0.002)), 8)


def text_session(path: Path) -> Session:
    """ids, mask int64 [n, tokens] -> tokens [n, tokens, 3] = rows of a table, mean [n, 3] of those that the mask keeps."""
    nodes = [
        node("Gather", ["table", "ids"], ["tokens"]),
        node("Cast", ["mask"], ["kept"], to=1),
        node("Unsqueeze", ["kept", "last"], ["weights"]),
        node("Mul", ["tokens", "weights"], ["weighted"]),
        node("ReduceSum", ["weighted", "one"], ["sum"], keepdims=0),
        node("ReduceSum", ["weights", "one"], ["count"], keepdims=0),
        node("Div", ["sum", "count"], ["mean"]),
    ]
    table = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    constants = {"table": table, "last": np.array([-1], np.int64), "one": np.array([1], np.int64)}
    inputs = [onnxmodels.tensor(name, "int64", ["n", "tokens"]) for name in ("ids", "mask")]
    outputs = [
        onnxmodels.tensor("tokens", "float32", ["n", "tokens", 3]),
        onnxmodels.tensor("mean", "float32", ["n", 3]),
    ]
    return Session(onnxmodels.save(path, nodes, inputs, outputs, constants), "cpu", Device())


TEXT = Plan(
    batched=frozenset({"ids", "mask"}),
    limit=8,
    cost=COST,
    pads={"ids": 0, "mask": 0},
    axes={"tokens": 1},
)


def texts(rows: int, tokens: int, seed: int) -> Arrays:
    ids = np.random.default_rng(seed).integers(1, 50, (rows, tokens))
    return {"ids": ids, "mask": np.ones_like(ids)}


def items(parts: list[Arrays], plan: Plan) -> list[Item]:
    return [Item(part, plan.rows(part), plan.key(part), 0.0, 0.0, 0.0, None) for part in parts]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return text_session(tmp_path_factory.mktemp("text") / "model.onnx")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 40)), min_size=1, max_size=8))
def test_together_is_as_alone(shapes: list[tuple[int, int]], session: Session) -> None:
    """Requests of random rows and lengths: what merges gives to each what it gives alone, and in its own length."""
    parts = [texts(rows, tokens, seed) for seed, (rows, tokens) in enumerate(shapes)]
    runs = 0

    def run(feeds: Any, options: Any) -> dict[str, Any]:
        nonlocal runs
        runs += 1
        return session.run(["tokens", "mean"], feeds, options)

    batch = Batch(items(parts, TEXT), run_options(), 0.0)
    outcomes = Runner(run, TEXT).outcomes(batch)
    assert runs == 1
    for part, outcome in zip(parts, outcomes, strict=True):
        assert isinstance(outcome, dict)
        alone = session.run(["tokens", "mean"], part)
        for name in ("tokens", "mean"):
            np.testing.assert_allclose(outcome[name], alone[name], atol=1e-6, strict=True)


class Counting:
    """Memory for merged inputs that remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[int, ...]]] = []

    def empty(self, name: str, shape: tuple[int, ...], dtype: "np.dtype[Any]") -> np.ndarray:
        self.asked.append((name, shape))
        return np.full(shape, -9, dtype)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 40)), min_size=1, max_size=6))
def test_runs_of_few_sizes(shapes: list[tuple[int, int]], session: Session) -> None:
    """Every run has one of the sizes, filled with rows that are valid, and nobody sees them."""
    plan, memory = replace(TEXT, limit=32, sizes=(1, 8, 32), capped=True), Counting()
    parts = [texts(rows, tokens, seed) for seed, (rows, tokens) in enumerate(shapes)]
    ran: list[int] = []

    def run(feeds: Any, options: Any) -> dict[str, Any]:
        assert (feeds["mask"].sum(axis=1) > 0).all(), "a row without a token"
        ran.append(len(feeds["ids"]))
        return session.run(["tokens", "mean"], feeds, options)

    outcomes = Runner(run, plan, memory.empty).outcomes(Batch(items(parts, plan), run_options(), 0.0))
    rows = sum(rows for rows, _ in shapes)
    assert ran == [next(size for size in plan.sizes if size >= rows)]
    alone = len(parts) == 1 and rows in plan.sizes
    assert [name for name, _ in memory.asked] == ([] if alone else ["ids", "mask"])
    for part, outcome in zip(parts, outcomes, strict=True):
        assert isinstance(outcome, dict)
        for name, whole in session.run(["tokens", "mean"], part).items():
            np.testing.assert_allclose(outcome[name], whole, atol=1e-6, strict=True)


def test_what_is_never_filled_up() -> None:
    plan = Plan(frozenset({"x", "z"}), 16, sizes=(1, 4, 16), capped=True)
    for rows in ((0, 0), (2, 1), (3, 2), (17, 17)):
        arrays = {name: np.zeros((count, 2), np.float32) for name, count in zip("xz", rows, strict=True)}
        assert [len(array) for array in plan.merge([arrays]).values()] == list(rows)
    words = np.array([["a"], ["b"]], dtype=object)
    merged = Plan(frozenset({"w"}), 4, sizes=(1, 4)).merge([{"w": words}], Counting().empty)
    assert merged["w"].tolist() == [["a"], ["b"], ["a"], ["a"]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(0, 60), tokens=st.integers(1, 30))
def test_pieces_are_as_the_whole(rows: int, tokens: int, session: Session) -> None:
    arrays = texts(rows, tokens, rows)
    pieces = TEXT.chunks(arrays)
    most = TEXT.most_rows(arrays)
    assert 1 <= most <= 8
    assert all(TEXT.rows(piece) <= most for piece in pieces)
    joined = join([session.run(["tokens", "mean"], piece) for piece in pieces])
    for name, whole in session.run(["tokens", "mean"], arrays).items():
        np.testing.assert_allclose(joined[name], whole, atol=1e-6, strict=True)


@pytest.mark.parametrize(
    ("microseconds", "capped", "count", "most"),
    [(1, False, 3, 50_000), (1, True, 12_500, 8), (10_000, False, 12_500, 8)],
)
def test_a_large_request_is_not_cut_into_crumbs(microseconds: float, capped: bool, count: int, most: int) -> None:
    """20 million rows of a graph that costs next to nothing took 20 s, in runs of 32 rows."""
    cost = Curve((Point(1, microseconds * 1e-6), Point(8, 1.6 * microseconds * 1e-6)), 2)
    plan = Plan(frozenset({"x"}), 8, cost, capped=capped)
    pieces = plan.chunks({"x": np.zeros((100_000, 2), np.float32), "t": np.zeros(1, np.float32)})
    assert len(pieces) == count
    assert len(pieces[0]["x"]) == pytest.approx(most, rel=1e-3)
    assert sum(len(piece["x"]) for piece in pieces) == 100_000
    assert {len(piece["t"]) for piece in pieces} == {1}


def test_what_may_share_a_run() -> None:
    key = TEXT.key
    assert key(texts(1, 9, 0)) == key(texts(3, 16, 1))
    assert key(texts(1, 8, 0)) != key(texts(1, 9, 0))
    assert key(texts(1, 2, 0)) != key({"ids": np.ones((1, 2), np.int64)})
    beside = Plan(frozenset({"x"}), 8)
    one, two = np.ones((1, 2), np.float32), np.ones((3, 2), np.float32)
    assert beside.key({"x": one, "t": np.array([1], np.float32)}) == beside.key(
        {"x": two, "t": np.array([1], np.float32)}
    )
    assert beside.key({"x": one, "t": np.array([1], np.float32)}) != beside.key(
        {"x": one, "t": np.array([2], np.float32)}
    )
    assert beside.key({"x": one, "t": np.array([1], np.float32)}) != beside.key(
        {"x": one, "t": np.array([[1]], np.float32)}
    )
    words = [np.array(value, dtype=object) for value in (["a", "b"], ["ab", ""])]
    assert beside.key({"x": one, "t": words[0]}) != beside.key({"x": one, "t": words[1]})


def test_rows_that_broadcast_meet_no_others(tmp_path: Path) -> None:
    """x of two rows and y of one are right alone; merged with one and two, rows of other requests would be added."""
    x, y, z = (onnxmodels.tensor(name, "float32", [None, 2]) for name in ("x", "y", "z"))
    session = Session(
        onnxmodels.save(tmp_path / "m.onnx", [node("Add", ["x", "y"], ["z"])], [x, y], [z]), "cpu", Device()
    )
    plan = Plan(frozenset({"x", "y"}), 8)
    ones = np.ones((3, 2), np.float32)
    wide, tall = {"x": ones[:2], "y": ones[:1]}, {"x": ones[:1], "y": ones[:2] * 5}
    assert len({plan.key(wide), plan.key(tall), plan.key(wide), plan.key({"x": ones, "y": ones})}) == 4
    assert plan.chunks({"x": np.ones((20, 2), np.float32), "y": ones[:1]})[0]["x"].shape == (20, 2)
    assert session.run(["z"], wide)["z"].shape == (2, 2)


def test_an_output_without_the_rows_of_its_batch_is_run_apart(tmp_path: Path) -> None:
    """Rows kept by their values: trials may have kept them all."""
    nodes = [node("Less", ["x", "half"], ["b"]), node("Compress", ["x", "b"], ["y"], axis=0)]
    x, y = (onnxmodels.tensor(name, "float32", [dim]) for name, dim in (("x", "n"), ("y", "kept")))
    file = onnxmodels.save(tmp_path / "m.onnx", nodes, [x], [y], {"half": np.float32(0.5)})
    session = Session(file, "cpu", Device())
    plan = Plan(frozenset({"x"}), 8)
    parts = [{"x": np.array(values, np.float32)} for values in ([0, 1], [0.1, 0.2], [1, 1])]
    runner = Runner(lambda feeds, options: session.run(["y"], feeds, options), plan)
    found = runner.outcomes(Batch(items(parts, plan), run_options(), 0.0))
    assert [outcome["y"].tolist() for outcome in found if isinstance(outcome, dict)] == [
        [0.0],
        pytest.approx([0.1, 0.2]),
        [],
    ]


@pytest.mark.parametrize(("count", "guilty"), [(1, 0), (2, 1), (7, 3), (16, 0), (16, 15), (33, 20)])
def test_only_the_guilty_request_errs(count: int, guilty: int, session: Session) -> None:
    parts = [texts(1, 4, seed) for seed in range(count)]
    parts[guilty]["ids"][0, 2] = 99
    runs: list[int] = []

    def run(feeds: Any, options: Any) -> dict[str, Any]:
        runs.append(len(feeds["ids"]))
        return session.run(["tokens", "mean"], feeds, options)

    outcomes = Runner(run, TEXT).outcomes(Batch(items(parts, TEXT), run_options(), 0.0))
    assert [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Exception)] == [guilty]
    assert isinstance(outcomes[guilty], BadRequest)
    assert len(runs) <= 1 + 2 * np.ceil(np.log2(max(count, 1)))


def test_all_guilty(session: Session) -> None:
    parts = [{"ids": np.full((1, 3), 99), "mask": np.ones((1, 3), np.int64)} for _ in range(5)]
    runner = Runner(lambda feeds, options: session.run(["tokens", "mean"], feeds, options), TEXT)
    outcomes = runner.outcomes(Batch(items(parts, TEXT), run_options(), 0.0))
    assert all(isinstance(outcome, BadRequest) for outcome in outcomes)


def test_what_breaks_unforeseen_is_no_silence() -> None:
    def run(feeds: Any, options: Any) -> dict[str, Any]:
        raise RuntimeError("secret /path/of/machine")

    outcomes = Runner(run, TEXT).outcomes(Batch(items([texts(1, 2, 0)] * 3, TEXT), run_options(), 0.0))
    assert [str(outcome) for outcome in outcomes] == ["Inference failed: RuntimeError"] * 3
    assert all(isinstance(outcome, InferenceFailed) for outcome in outcomes)


@pytest.mark.parametrize(
    ("tokens", "most"), [(4, 8), (8, 4), (16, 2), (64, 1), (1000, 1)]
)  # 8 elements were measured, both inputs counted
def test_longer_texts_make_smaller_batches(tokens: int, most: int) -> None:
    assert TEXT.most_rows(texts(1, tokens, 0)) == most
    assert TEXT.most_rows(texts(3, tokens, 0)) == most


def test_costs() -> None:
    assert TEXT.seconds(texts(1, 4, 0)) == pytest.approx(0.001)
    assert TEXT.seconds(texts(8, 4, 0)) == pytest.approx(0.002)
    assert TEXT.seconds(texts(1, 32, 0)) == pytest.approx(0.002)
    assert TEXT.batch_seconds(texts(1, 4, 0), 16) == pytest.approx(0.004)
    assert TEXT.share(texts(2, 4, 0)) == pytest.approx(0.0005)
    assert Plan().seconds({}) == 0.0


Make = Callable[..., Any]


@pytest.mark.parametrize("shape", [(0, 4), (2, 0)])
def test_nothing_costs_no_crash(shape: tuple[int, int]) -> None:
    arrays = {"ids": np.zeros(shape, np.int64), "mask": np.zeros(shape, np.int64)}
    assert TEXT.seconds(arrays) > 0
    assert TEXT.most_rows(arrays) >= 1
    assert TEXT.share(arrays) >= 0
    assert len(TEXT.chunks(arrays)) == 1


def test_a_size_is_taken_that_those_who_wait_are_worth() -> None:
    """A ResNet-50's times on an H100: half of a large batch would be filled up with nothing."""
    cost = Curve((Point(1, 0.003), Point(4, 0.004), Point(16, 0.007), Point(64, 0.020)), 1)
    plan = Plan(frozenset({"x"}), 64, cost, sizes=(1, 4, 16, 64), capped=True)
    arrays = {"x": np.zeros((1, 1), np.float32)}
    assert [plan.worth(arrays, 64, waiting) for waiting in (1, 3, 10, 32, 50, 64, 500)] == [1, 4, 16, 16, 64, 64, 64]
    assert plan.worth(arrays, 10, 64) == 4
    assert Plan(frozenset({"x"}), 64, cost).worth(arrays, 64, 3) == 64
