"""A table's features by the column are what they are row by row: the same numbers, the same errors."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpux_api.v1alpha1.processing import TabularSpec
from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.transforms.tabular import FEATURES, TabularTransform
from gpux_predictor.transforms.tabular_table import Column, feeds

TYPES = {item.name: item for item in ELEMENT_TYPES}
CELLS = st.one_of(
    st.none(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False),
    st.sampled_from(["x", "", True, 2**53 + 1, 3.4028235677973366e38, -1e308, 65504.0, 65520, 127, 128, -129, 1.5]),
)


def transform(kind: str, missing: str) -> TabularTransform:
    tensor = Tensor("X", TYPES[kind], ("n", 2))
    spec = TabularSpec(entity_key="id", features=["a", "b"], defaults={"b": 2.0}, missing=missing)  # type: ignore[arg-type]
    return TabularTransform(spec, Signature((tensor,), ()))


def column(cells: list[Any], *, whole: bool) -> Column:
    """As a reader makes it: numbers where they fit the column, the rest as odd cells."""
    dtype = np.int64 if whole else np.float64
    values, odd = np.zeros(len(cells), dtype), {}
    for row, cell in enumerate(cells):
        fits = type(cell) is int or (type(cell) is float and not whole)
        if fits and dtype(cell) == cell:
            values[row] = cell
        elif cell is not None:
            odd[row] = cell
    return Column(values, np.array([cell is None for cell in cells]), odd)


def by_the_rule(made: TabularTransform, cells: dict[str, Any]) -> np.ndarray | str:
    try:
        [row] = made.feeds([{FEATURES: cells}])["X"]
        return np.asarray(row)
    except BadRequest as error:
        return error.detail


@pytest.mark.parametrize("missing", ["nan", "error"])
@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int64", "int8", "uint8"])
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20), whole=st.booleans())
def test_as_row_by_row(kind: str, missing: str, rows: list[tuple[Any, Any]], whole: bool) -> None:
    if missing == "nan" and not kind.startswith("float"):
        return
    made = transform(kind, missing)
    columns = {name: column([row[place] for row in rows], whole=whole) for place, name in enumerate("ab")}
    fed, right, wrong = feeds(made, columns, len(rows))
    for place, _ in enumerate(rows):
        cells = {name: columns[name].cell(place) for name in "ab"}
        expected = by_the_rule(made, cells)
        if isinstance(expected, str):
            assert (wrong[place], right[place]) == (expected, False)
        else:
            assert right[place]
            np.testing.assert_array_equal(fed["X"][place], expected)
    assert fed["X"].dtype == TYPES[kind].dtype


def test_a_feature_that_the_table_does_not_have() -> None:
    a = Column(np.array([1.0, 2.0]), np.zeros(2, np.bool_))
    fed, right, wrong = feeds(transform("float32", "error"), {"a": a}, 2)
    assert (fed["X"].tolist(), bool(right.all()), wrong) == ([[1.0, 2.0], [2.0, 2.0]], True, {})
    b = Column(np.array([1, 2]), np.array([False, True]))
    fed, right, wrong = feeds(transform("float32", "nan"), {"b": b}, 2)
    assert [math.isnan(row[0]) for row in fed["X"]] == [True, True]
    _, right, wrong = feeds(transform("float32", "error"), {"b": b}, 2)
    assert (bool(right.any()), wrong) == (False, dict.fromkeys((0, 1), "Missing required feature: 'a'"))


def test_inputs_of_their_own_kinds() -> None:
    """A data frame's pipeline has an input for each column: here one of numbers, one of strings and one of booleans."""
    inputs = [Tensor(name, TYPES[kind], ("n", 1)) for name, kind in (("a", "float32"), ("b", "string"), ("c", "bool"))]
    made = TabularTransform(TabularSpec(features=["a", "b", "c"]), Signature(tuple(inputs), ()))
    none = np.zeros(3, np.bool_)
    columns = {
        "a": Column(np.array([1.5, 2, 3]), none),
        "b": Column(np.zeros(3), none, {0: "x", 1: "y", 2: "z"}),
        "c": Column(np.zeros(3), none, {0: True, 1: "maybe", 2: False}),
    }
    fed, right, wrong = feeds(made, columns, 3)
    assert right.tolist() == [True, False, True]
    assert wrong == {1: "Invalid feature type for 'c': expected boolean"}
    assert [(fed["a"][i, 0], fed["b"][i, 0], bool(fed["c"][i, 0])) for i in (0, 2)] == [
        (1.5, "x", True),
        (3, "z", False),
    ]
