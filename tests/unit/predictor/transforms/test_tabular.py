"""Features by name to a row, and every way in which they may be wrong."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpux_api.v1alpha1.processing import TabularSpec
from gpux_predictor.errors import BadRequest, LoadError, LoadReason
from gpux_predictor.transforms.features import unknown
from gpux_predictor.transforms.tabular import TabularTransform

FEATURES = ["diff_win_5_mean", "home_elo_pre", "sex"]


@pytest.fixture
def make(make_signature: Any) -> Any:
    """A TabularTransform of three features; keyword arguments are the spec's."""

    def build(dtype: str = "float32", shape: Any = (None, 3), **spec: Any) -> TabularTransform:
        fields = {"entityKey": "match_id", "features": FEATURES} | spec
        return TabularTransform(TabularSpec(**fields), make_signature(("X", dtype, shape)))

    return build


def row(transform: TabularTransform, request: dict[str, Any]) -> np.ndarray:
    """What one request puts into the graph's only input."""
    [array] = transform.feeds([request]).values()
    first: np.ndarray = array[0]
    return first


def body(**features: Any) -> dict[str, Any]:
    return {"match_id": 99, "features": features}


FULL = {"sex": 0, "home_elo_pre": 1520.0, "diff_win_5_mean": 0.3}


def test_a_row_is_in_the_graphs_order(make: Any) -> None:
    transform = make()
    [parsed], single = transform.parse(body(**FULL))
    assert single
    found = row(transform, parsed)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([0.3, 1520, 0], np.float32))
    bodies, single = transform.parse([body(**FULL), body(**(FULL | {"sex": 1}))])
    assert not single
    assert transform.feeds(bodies)["X"][:, 2].tolist() == [0, 1]


def test_absent_features(make: Any) -> None:
    with pytest.raises(BadRequest, match="Missing required feature: 'home_elo_pre'"):
        row(make(), body(sex=1, diff_win_5_mean=0.1))
    with pytest.raises(BadRequest, match="Missing required feature: 'sex'"):
        row(make(), body(**(FULL | {"sex": None})))
    defaults = make(defaults={"sex": 7.0})
    assert row(defaults, body(**(FULL | {"sex": None})))[2] == 7
    assert row(defaults, body(home_elo_pre=1, diff_win_5_mean=1))[2] == 7
    nan = make(missing="nan", defaults={"sex": 7.0})
    assert np.isnan(row(nan, body(sex=None))[:2]).all()
    assert row(nan, body())[2] == 7


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
        row(make(dtype), {"match_id": 99, "features": features})
    assert caught.value.detail == detail


def test_large_whole_numbers(make: Any) -> None:
    exact = dict.fromkeys(FEATURES, 2**53 + 1)
    assert row(make("int64"), body(**exact)).tolist() == [2**53 + 1] * 3
    assert row(make("int64"), body(**dict.fromkeys(FEATURES, 3.0))).tolist() == [3] * 3
    assert row(make("float64"), body(**exact)).tolist() == [2.0**53] * 3  # the nearest float64
    assert row(make("float32"), body(**dict.fromkeys(FEATURES, 10**20))).tolist() == [float(np.float32(1e20))] * 3


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
            assert row(make(dtype), body(**features)).shape == (3,)
        except BadRequest as error:
            assert "feature" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("dtype", "shape", "spec", "message"),
    [
        ("float32", (None, 4), {}, r"3 features do not fit input 'X' of the shape \[\?, 4\]"),
        ("float32", (None, 1, 3), {}, "do not fit"),
        ("float32", (None, None, 3), {}, "do not fit"),
        ("float32", (3,), {}, "do not fit"),
        ("float32", (8, 3), {}, "takes 8 rows, a request has one"),
        ("string", (None, 3), {"defaults": {"sex": 1}}, "defaults are numbers and 'sex' takes strings"),
        ("string", (None, 3), {"missing": "nan"}, "write missing: error"),
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
    assert TabularTransform(TabularSpec(features=FEATURES, input="b"), optional).inputs == {"b"}


TABLE = (("elo", "float32", (None, 1)), ("home", "string", (None, 1)), ("round", "int64", (None,)), ("cup", "bool", ()))
MATCH = {"elo": 1520, "home": "Arsenal", "round": 3, "cup": False}


def test_an_input_for_each_feature(make_signature: Any) -> None:
    spec = TabularSpec(features=["cup", "home", "elo", "round"], defaults={"round": 1}, missing="nan")
    transform = TabularTransform(spec, make_signature(*TABLE))
    found = transform.feeds([body(**MATCH), body(home="", cup=1)])
    assert {name: (array.dtype.kind, array.shape) for name, array in found.items()} == {
        "cup": ("b", (2, 1)), "home": ("O", (2, 1)), "elo": ("f", (2, 1)), "round": ("i", (2,)),
    }  # fmt: skip
    assert [found["cup"].tolist(), found["home"].tolist(), found["round"].tolist()] == [
        [[False], [True]], [["Arsenal"], [""]], [3, 1],
    ]  # fmt: skip
    assert found["elo"][0, 0] == 1520
    assert np.isnan(found["elo"][1, 0])
    with pytest.raises(BadRequest, match="Missing required feature: 'home'"):  # which no NaN stands for
        transform.feeds([body(cup=True)])


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"home": 5}, "Invalid feature type for 'home': expected string"),
        ({"home": "\ud800"}, "character 0 is a lone surrogate"),
        ({"home": "A" * 21}, "'home': 21 characters, at most 20 are taken"),
        ({"elo": "1520"}, "Invalid feature type for 'elo': expected number"),
        ({"cup": 2}, "Invalid feature type for 'cup': expected boolean"),
        ({"cup": "true"}, "Invalid feature type for 'cup': expected boolean"),
        ({"round": True}, "Invalid feature type for 'round': expected number"),
        ({"hom": "Arsenal"}, "Unknown feature: 'hom', did you mean 'home'? this model takes 'elo', "),
    ],
)
def test_wrong_values_of_other_types(make_signature: Any, wrong: dict[str, Any], detail: str) -> None:
    signature = make_signature(*TABLE)
    limited = tuple(replace(t, max_length=20) if t.name == "home" else t for t in signature.inputs)
    transform = TabularTransform(TabularSpec(features=list(MATCH)), replace(signature, inputs=limited))
    with pytest.raises(BadRequest) as caught:
        transform.feeds([body(**(MATCH | wrong))])
    assert detail in caught.value.detail


def test_the_names_that_skl2onnx_makes_of_columns(make_signature: Any) -> None:
    inputs = make_signature(("sepal_length__cm_", "float32", (None, 1)), ("_2+Δ", "float32", (None, 1)))
    transform = TabularTransform(TabularSpec(features=["2+Δ", "sepal length (cm)"]), inputs)
    found = transform.feeds([body(**{"2+Δ": 2, "sepal length (cm)": 1})])
    assert {name: array.item() for name, array in found.items()} == {"sepal_length__cm_": 1, "_2+Δ": 2}


def test_inputs_of_several_columns_each(make_signature: Any) -> None:
    """As of initial_types=[("numbers", FloatTensorType([None, 2])), ("names", StringTensorType([None, 1]))]."""
    blocks = make_signature(("numbers", "float32", (None, 2)), ("names", "string", (None, 1)))
    transform = TabularTransform(TabularSpec(features=["a", "b", "c"]), blocks)
    found = transform.feeds([body(c="x", a=1, b=2)])
    assert (found["numbers"].tolist(), found["names"].tolist()) == ([[1, 2]], [["x"]])


@pytest.mark.parametrize(
    ("inputs", "features", "message"),
    [
        (TABLE, ["elo", "home", "round"], "the graph has 4 inputs .*; without a feature: 'cup': .* set input"),
        ((("a_b", "float32", (None, 1)), ("a_b1", "float32", (None, 1))), ["a b", "a_b"], "without a feature: 'a_b1'"),
        (TABLE, [*MATCH, "cap"], "features must name; not among them: 'cap': correct"),
        ((("x", "float32", (None, 2)), ("y", "float32", (None, 1))), ["a", "b"], "2 features do not fit 3 columns: .*'x' 2, 'y' 1"),
        ((("x", "float32", (None, 2)), ("y", "float32", (None, 1))), ["y", "b", "c"], "'y' stands where input 'x' has"),
        ((("x", "float32", (None, None)), ("y", "float32", (None, 1))), ["a", "y"], "'x' .* declare its shape in spec.inputs"),
        ((("x", "float32", (None, 2, 2)), ("y", "float32", (None, 1))), ["a", "b", "y"], "do not fit"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_several_inputs(
    make_signature: Any, inputs: Any, features: list[str], message: str
) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        TabularTransform(TabularSpec(features=features), make_signature(*inputs))
    assert caught.value.reason is LoadReason.INVALID_PREPROCESSING


def test_the_name_that_was_meant() -> None:
    names = [f"feature_{i}" for i in range(4096)]
    assert unknown("fature_7", names[:20]).detail.startswith("Unknown feature: 'fature_7', did you mean 'feature_7'?")
    assert unknown("x" * 10**6, names).detail.endswith("and 4086 more")
    assert len(unknown("x" * 10**6, names).detail) < 400


@pytest.mark.parametrize(("dtype", "largest"), [("float16", 65519.99), ("float32", 3.4028235677973362e38)])
def test_what_rounds_to_the_largest_number_is_in_range(make: Any, dtype: str, largest: float) -> None:
    """As for tensors, and as the OpenAPI document says it; schemathesis found that it was refused."""
    assert row(make(dtype=dtype), body(**(FULL | {"sex": -largest})))[2] == np.finfo(dtype).min
