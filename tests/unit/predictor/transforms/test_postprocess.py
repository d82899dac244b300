"""Steps on outputs against their formulas, written out a sample at a time."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gpux_api.v1alpha1.model import OutputSpec
from gpux_api.v1alpha1.processing import OutputProcessingSpec, PostprocessingSpec
from gpux_predictor.errors import InferenceFailed, LoadError, LoadReason
from gpux_predictor.tensors.encode import jsonable, to_json
from gpux_predictor.transforms.postprocess import Postprocessor

RANDOM = np.random.default_rng(5)
SHAPES = npst.array_shapes(min_dims=2, max_dims=3, max_side=5)
FLOATS = st.sampled_from([np.float16, np.float32, np.float64]).flatmap(lambda dtype: npst.arrays(dtype, SHAPES))
ANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def make(make_signature: Any) -> Any:
    """A Postprocessor of the output `y`; keyword arguments are its steps."""

    def build(shape: Any = (), labels: list[str] | None = None, dtype: str = "float32", **steps: Any) -> Postprocessor:
        spec = PostprocessingSpec(outputs=[OutputProcessingSpec(output="y", **steps)]) if steps else None
        outputs = None if labels is None else [OutputSpec(name="y", labels=labels)]
        return Postprocessor(spec, outputs, make_signature(outputs=[("y", dtype, shape)]))

    return build


def softmax(row: list[float]) -> list[float]:
    high = max(row)
    exponents = [math.exp(value - high) for value in row]
    return [value / sum(exponents) for value in exponents]


def test_softmax(make: Any) -> None:
    x = RANDOM.normal(0, 30, (5, 7)).astype(np.float32)
    found = make((None, 7), activation="softmax").apply({"y": x})["y"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [softmax(row) for row in x.tolist()], rtol=1e-5, atol=1e-7)
    extremes = np.array([[1e38, -1e38, 0], [88, 89, 90], [-1e38, -1e38, -1e38]], np.float32)
    np.testing.assert_allclose(
        make(activation="softmax").apply({"y": extremes})["y"], [softmax(row) for row in extremes.tolist()], rtol=1e-5
    )


def test_sigmoid(make: Any) -> None:
    x = np.array([-1e38, -100, -10, -1, 0, 1, 10, 100, 1e38], np.float32)
    expected = [1 / (1 + math.exp(-value)) if value > -700 else 0 for value in x.tolist()]
    found = make(("N",), activation="sigmoid").apply({"y": x})["y"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-44)


@given(
    FLOATS,
    st.sampled_from(
        [{"activation": "softmax"}, {"activation": "sigmoid"}, {"normalize": True}, {"topK": 2}, {"argmax": True}]
    ),
)
@ANY
def test_no_value_makes_a_warning_or_an_error(make: Any, x: np.ndarray, steps: dict[str, Any]) -> None:
    found = make(**steps).apply({"y": x})["y"]
    assert len(found) == x.shape[0]
    assert to_json({"y": found})
    if "activation" in steps:
        assert found.dtype == (np.float64 if x.dtype == np.float64 else np.float32)
        finite = found[np.isfinite(found)]
        assert ((finite >= 0) & (finite <= 1)).all()


@given(FLOATS.filter(lambda x: x.ndim == 3), st.sampled_from(["mean", "cls"]))
@ANY
def test_pooling_of_any_values(make: Any, x: np.ndarray, pooling: str) -> None:
    mask = np.ones(x.shape[:2], np.int64)
    mask[:, 1:] = 0
    assert make(pooling=pooling, normalize=True).apply({"y": x}, mask)["y"].shape == (x.shape[0], x.shape[2])
    assert make(pooling=pooling).apply({"y": x})["y"].shape == (x.shape[0], x.shape[2])


def test_mean_pooling_is_that_of_sentence_transformers(make: Any) -> None:
    x = RANDOM.normal(size=(3, 6, 4)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], np.int64)
    # as Pooling.forward: the mask is expanded, the sum of the products is divided by its sum, clamped to 1e-9
    expanded = np.broadcast_to(mask[:, :, None], x.shape).astype(np.float32)
    expected = (x * expanded).sum(axis=1) / np.maximum(expanded.sum(axis=1), 1e-9)
    pool = make(("batch", "sequence", 4), pooling="mean")
    np.testing.assert_allclose(pool.apply({"y": x}, mask)["y"], expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(pool.apply({"y": x})["y"], x.mean(axis=1), rtol=1e-5, atol=1e-7)
    norms = np.linalg.norm(expected, axis=-1, keepdims=True)
    found = make(pooling="mean", normalize=True).apply({"y": x}, mask)["y"]
    np.testing.assert_allclose(found, expected / np.maximum(norms, 1e-12), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(make(pooling="cls").apply({"y": x}, mask)["y"], x[:, 0])
    padded = np.concatenate([x, np.full((3, 2, 4), 9, np.float32)], axis=1)
    longer = np.concatenate([mask, np.zeros((3, 2), np.int64)], axis=1)
    np.testing.assert_allclose(pool.apply({"y": padded}, longer)["y"], expected, rtol=1e-5, atol=1e-7)


def test_top_k(make: Any) -> None:
    x = np.array([[0.1, 0.5, 0.5, 0.2], [3, 1, 2, 3]], np.float32)
    assert jsonable(make((None, 4), topK=3).apply({"y": x})["y"]) == [
        [{"index": 1, "score": 0.5}, {"index": 2, "score": 0.5}, {"index": 3, "score": np.float32(0.2)}],
        [{"index": 0, "score": 3}, {"index": 3, "score": 3}, {"index": 2, "score": 2}],
    ]
    labelled = make((None, 4), ["a", "b", "c", "d"], topK=1, activation="softmax").apply({"y": x})
    assert [sample[0]["label"] for sample in labelled["y"]] == ["b", "a"]
    assert labelled["y"][1][0]["score"] == pytest.approx(softmax([3, 1, 2, 3])[0])
    assert len(make((None, 4), topK=99).apply({"y": x})["y"][0]) == 4
    small = np.array([[250, 1, 255]], np.uint8)
    assert [item["index"] for item in make(topK=3).apply({"y": small})["y"][0]] == [2, 0, 1]
    broken = np.array([[np.nan, 1, np.inf]], np.float32)
    assert [item["index"] for item in make(topK=3).apply({"y": broken})["y"][0]] == [2, 1, 0]


@given(npst.arrays(np.float32, (3, 6), elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0])), st.integers(1, 7))
@ANY
def test_top_k_of_any_values(make: Any, x: np.ndarray, k: int) -> None:
    found = make(topK=k).apply({"y": x})["y"]
    for sample, row in zip(found, x.tolist(), strict=True):
        expected = sorted(range(6), key=lambda index: (-row[index], index))[:k]
        assert [item["index"] for item in sample] == expected
        assert [float(item["score"]) for item in sample] == [row[index] for index in expected]


def test_argmax_and_labels(make: Any) -> None:
    x = np.array([[0.1, 0.58], [3, 1]], np.float32)
    assert make((None, 2), argmax=True).apply({"y": x})["y"].tolist() == [1, 0]
    assert make((None, 2), ["no", "yes"], argmax=True).apply({"y": x})["y"].tolist() == ["yes", "no"]
    named = make((None, 2), ["no", "yes"]).apply({"y": x})
    assert to_json(named) == b'{"y":[{"no":0.1,"yes":0.58},{"no":3.0,"yes":1.0}]}'


def test_an_axis_of_tokens_stays(make: Any) -> None:
    x = RANDOM.normal(size=(2, 3, 2)).astype(np.float32)
    labels = make(("N", "T", 2), ["O", "PER"], argmax=True).apply({"y": x})["y"].tolist()
    assert labels == [[["O", "PER"][int(token[1] > token[0])] for token in sample] for sample in x]
    top = make(("N", "T", 2), ["O", "PER"], topK=1).apply({"y": x})["y"]
    assert [[token[0]["label"] for token in sample] for sample in top] == labels
    values = make(("N", "T", 2), ["O", "PER"]).apply({"y": x})["y"]
    assert values[1][2] == {"O": x[1, 2, 0], "PER": x[1, 2, 1]}


def test_outputs_keep_their_order_and_take_new_names(make_signature: Any) -> None:
    signature = make_signature(outputs=[("a", "float32", (None, 2)), ("b", "float32", (None, 2)), ("maps", "object")])
    steps = [OutputProcessingSpec(output="b", name="probabilities", activation="softmax")]
    post = Postprocessor(PostprocessingSpec(outputs=steps), None, signature)
    a = np.ones((1, 2), np.float32)
    found = post.apply({"a": a, "b": a, "maps": [{"x": 1.0}]})
    assert list(found) == ["a", "probabilities", "maps"]
    assert found["a"] is a
    assert found["maps"] == [{"x": 1.0}]


@pytest.mark.parametrize(
    ("shape", "labels", "steps", "message"),
    [
        ((None, 3), ["a", "b"], {}, "output 'y' has 3 values a sample and 2 labels: write one label for each"),
        ((None, 3), None, {"pooling": "mean"}, r"pooling needs \[batch, tokens, dimension\]"),
        ((None,), None, {"activation": "softmax"}, r"has the shape \[\?\], one number a sample"),
        ((1,), None, {"argmax": True}, "one number a sample"),
        ((None,), ["a"], {}, "one number a sample"),
    ],
)
def test_steps_that_do_not_go_with_the_graph(make: Any, shape: Any, labels: Any, steps: Any, message: str) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        make(shape, labels, **steps)
    assert caught.value.reason is LoadReason.SCHEMA_MISMATCH


def test_outputs_that_are_not_there(make_signature: Any) -> None:
    signature = make_signature(outputs=[("a", "float32", ()), ("b", "string", ()), ("c", "object")])
    for steps, message in (
        ([OutputProcessingSpec(output="x")], "output 'x' is not served, which has 'a', 'b', 'c'"),
        ([OutputProcessingSpec(output="b", argmax=True)], "output 'b' is string: steps and labels need numbers"),
        ([OutputProcessingSpec(output="c", activation="sigmoid")], "output 'c' is object"),
        ([OutputProcessingSpec(output="a", name="b")], "two outputs would be answered as 'b'"),
    ):
        with pytest.raises(LoadError, match=message):
            Postprocessor(PostprocessingSpec(outputs=steps), None, signature)
    with pytest.raises(LoadError, match="output 'z' is not served"):
        Postprocessor(None, [OutputSpec(name="z", labels=["l"])], signature)


@pytest.mark.parametrize(
    ("steps", "labels", "shape"),
    [
        ({"pooling": "mean"}, None, (2, 3)),
        ({"pooling": "cls"}, None, (2, 0, 3)),
        ({"pooling": "mean"}, None, (2, 4, 3)),
        ({"activation": "softmax"}, None, (2,)),
        ({"argmax": True}, None, (2, 0)),
        ({"topK": 1}, ["a", "b"], (2, 3)),
    ],
)
def test_outputs_of_another_shape_than_the_steps_need(make: Any, steps: Any, labels: Any, shape: Any) -> None:
    with pytest.raises(InferenceFailed, match="Inference failed: output 'y' has"):
        make((), labels, **steps).apply({"y": np.zeros(shape, np.float32)}, np.ones((2, 5), np.int64))
