"""Features by name to a row, and every way in which they may be wrong."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpux_api.v1alpha1.processing import TabularSpec
from gpux_predictor.errors import BadRequest, LoadError, LoadReason
from gpux_predictor.transforms.tabular import TabularTransform

FEATURES = ["diff_win_5_mean", "home_elo_pre", "sex"]


@pytest.fixture
def make(make_signature: Any) -> Any:
    """A TabularTransform of three features; keyword arguments are the spec's."""

    def build(dtype: str = "float32", shape: Any = (None, 3), **spec: Any) -> TabularTransform:
        fields = {"entityKey": "match_id", "features": FEATURES} | spec
        return TabularTransform(TabularSpec(**fields), make_signature(("X", dtype, shape)))

    return build


def body(**features: Any) -> dict[str, Any]:
    return {"match_id": 99, "features": features}


FULL = {"sex": 0, "home_elo_pre": 1520.0, "diff_win_5_mean": 0.3}


def test_a_row_is_in_the_graphs_order(make: Any) -> None:
    transform = make()
    [parsed], single = transform.parse(body(**FULL))
    assert single
    row = transform.row(parsed)
    assert row.dtype == np.float32
    np.testing.assert_array_equal(row, np.array([0.3, 1520, 0], np.float32))
    bodies, single = transform.parse([body(**FULL), body(**(FULL | {"sex": 1}))])
    assert not single
    assert [transform.row(item)[2] for item in bodies] == [0, 1]


def test_absent_features(make: Any) -> None:
    with pytest.raises(BadRequest, match="Missing required feature: 'home_elo_pre'"):
        make().row(body(sex=1, diff_win_5_mean=0.1))
    with pytest.raises(BadRequest, match="Missing required feature: 'sex'"):
        make().row(body(**(FULL | {"sex": None})))
    defaults = make(defaults={"sex": 7.0})
    assert defaults.row(body(**(FULL | {"sex": None})))[2] == 7
    assert defaults.row(body(home_elo_pre=1, diff_win_5_mean=1))[2] == 7
    nan = make(missing="nan", defaults={"sex": 7.0})
    assert np.isnan(nan.row(body(sex=None))[:2]).all()
    assert nan.row(body())[2] == 7


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ([], "Invalid request body: the array is empty"),
        (3, "Invalid request body: expected a JSON object with 'match_id' and 'features', found number"),
        (
            [body(**FULL), None],
            "Invalid request body: expected a JSON object with 'match_id' and 'features', found null",
        ),
        ({"features": FULL}, "Missing required input: 'match_id'"),
        ({"match_id": 99}, "Missing required input: 'features'"),
        ({"match_id": None, "features": FULL}, "Invalid input type for 'match_id': expected string or number"),
        ({"match_id": True, "features": FULL}, "Invalid input type for 'match_id': expected string or number"),
        ({"match_id": 99, "features": FULL, "x": 1}, "Unknown input: 'x'; this model takes 'match_id', 'features'"),
    ],
)
def test_wrong_bodies(make: Any, value: Any, detail: str) -> None:
    with pytest.raises(BadRequest) as caught:
        make().parse(value)
    assert caught.value.detail == detail


@pytest.mark.parametrize(
    ("dtype", "features", "detail"),
    [
        ("float32", [1, 2, 3], "Invalid input type for 'features': expected object"),
        ("float32", FULL | {"elo": 1}, "Unknown feature: 'elo'; this model takes 'diff_win_5_mean', 'home_elo_pre', 'sex'"),
        ("float32", FULL | {"sex": "f"}, "Invalid feature type for 'sex': expected number"),
        ("float32", FULL | {"sex": True}, "Invalid feature type for 'sex': expected number"),
        ("float32", FULL | {"sex": [1]}, "Invalid feature type for 'sex': expected number"),
        ("float32", FULL | {"sex": 1e39}, "Invalid feature value for 'sex': 1e+39 is out of range for float32"),
        ("float16", FULL | {"sex": 70000}, "Invalid feature value for 'sex': 70000 is out of range for float16"),
        ("float64", FULL | {"sex": 10**400}, "Invalid feature value for 'sex': the number is out of range for float64"),
        ("float64", FULL | {"sex": -(10**5000)}, "Invalid feature value for 'sex': the number is out of range for float64"),
        ("int64", FULL, "Invalid feature type for 'diff_win_5_mean': expected integer"),
        ("int32", dict.fromkeys(FEATURES, 2**31), "Invalid feature value for 'diff_win_5_mean': 2147483648 is out of range for int32"),
        ("uint8", dict.fromkeys(FEATURES, -1), "Invalid feature value for 'diff_win_5_mean': -1 is out of range for uint8"),
        ("int64", {name: float("inf") for name in FEATURES}, "Invalid feature type for 'diff_win_5_mean': expected integer"),
    ],
)  # fmt: skip
def test_wrong_features(make: Any, dtype: str, features: Any, detail: str) -> None:
    with pytest.raises(BadRequest) as caught:
        make(dtype).row({"match_id": 99, "features": features})
    assert caught.value.detail == detail


def test_large_whole_numbers(make: Any) -> None:
    exact = dict.fromkeys(FEATURES, 2**53 + 1)
    assert make("int64").row(body(**exact)).tolist() == [2**53 + 1] * 3
    assert make("int64").row(body(**dict.fromkeys(FEATURES, 3.0))).tolist() == [3] * 3
    assert make("float64").row(body(**exact)).tolist() == [2.0**53] * 3  # the nearest float64
    assert make("float32").row(body(**dict.fromkeys(FEATURES, 10**20))).tolist() == [float(np.float32(1e20))] * 3


@given(
    st.dictionaries(
        st.sampled_from([*FEATURES, "x"]),
        st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.lists(st.none())),
    )
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_features(make: Any, features: Any) -> None:
    for dtype in ("float16", "float32", "float64", "int8", "uint64"):
        try:
            assert make(dtype).row(body(**features)).shape == (3,)
        except BadRequest as error:
            assert "feature" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("dtype", "shape", "spec", "message"),
    [
        ("float32", (None, 4), {}, r"3 features do not fit input 'X' of the shape \[\?, 4\]"),
        ("float32", (None, 1, 3), {}, "do not fit"),
        ("string", (None, 3), {}, "is string: features are numbers"),
        ("float32", (None, 3), {"input": "Y"}, "input 'Y' is no input of the graph, which has 'X'"),
        (
            "float16",
            (None, 3),
            {"defaults": {"sex": 1e9}},
            "defaults: .*'sex': 1000000000.0 is out of range for float16",
        ),
        ("int64", (None, 3), {"missing": "nan"}, "write missing: error"),
        ("int64", (None, 3), {"defaults": {"sex": 0.5}}, "defaults: .*'sex': expected integer"),
    ],
)
def test_what_does_not_go_with_the_graph(make: Any, dtype: str, shape: Any, spec: Any, message: str) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        make(dtype, shape, **spec)
    assert caught.value.reason is LoadReason.INVALID_PREPROCESSING


def test_the_only_input_or_the_one_named(make_signature: Any) -> None:
    two = make_signature(("a", "float32", (None, 3)), ("b", "float32", ()))
    with pytest.raises(LoadError, match="the graph needs 'a' beside 'b'"):
        TabularTransform(TabularSpec(features=FEATURES, input="b"), two)
    optional = replace(two, inputs=(replace(two.inputs[0], required=False), two.inputs[1]))
    assert TabularTransform(TabularSpec(features=FEATURES, input="b"), optional).tensor.name == "b"
    with pytest.raises(LoadError, match="the graph has 2 inputs .* set input"):
        TabularTransform(TabularSpec(features=FEATURES), two)
