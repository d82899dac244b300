"""V1: instances to arrays, outputs to predictions."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpux_predictor.errors import BadRequest
from gpux_predictor.protocols import v1
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES
from gpux_predictor.tensors.signature import Signature, Tensor

TYPES = {element.name: element for element in ELEMENT_TYPES}
AUDIO = Signature(
    (Tensor("input", TYPES["float32"], ("batch", None)), Tensor("sr", TYPES["int64"], ())),
    (Tensor("output", TYPES["float32"], ("batch", 1)),),
)
"""silero-vad's form: a batch of samples, and one rate for all of them."""


def parse(signature: Signature, *instances: Any) -> tuple[dict[str, Any], int]:
    arrays, samples = v1.parse(orjson.dumps({"instances": instances}), signature)
    return {name: array.tolist() for name, array in arrays.items()}, samples


def test_a_scalar_is_the_same_for_all_instances() -> None:
    row = {"input": [1, 2], "sr": 16000}
    assert parse(AUDIO, row) == ({"input": [[1, 2]], "sr": 16000}, 1)
    assert parse(AUDIO, row, row, row) == ({"input": [[1, 2]] * 3, "sr": 16000}, 3)


def test_scalars_that_differ_are_refused() -> None:
    """A vector of them would be taken for something else: `x * scale` would broadcast along the wrong axis."""
    with pytest.raises(BadRequest) as raised:
        parse(AUDIO, {"input": [1], "sr": 16000}, {"input": [1], "sr": 8000})
    assert raised.value.detail == (
        "Invalid input value for 'sr': this input is one value for all instances of a request, found 16000 and 8000: "
        "send them in requests of their own"
    )


@pytest.mark.parametrize("value", ["16000", 1.5, None, {"b64": "AA=="}, True])
def test_scalars_of_another_type(value: object) -> None:
    with pytest.raises(BadRequest, match="'sr'"):
        parse(AUDIO, {"input": [1], "sr": value})


def test_a_lone_input_without_dimensions_takes_a_row_an_instance() -> None:
    signature = Signature((Tensor("x", TYPES["float32"], ()),), (Tensor("y", TYPES["float32"], ()),))
    assert parse(signature, 1, 2.5) == ({"x": [1, 2.5]}, 2)
    assert parse(signature, [1, 2], [3, 4]) == ({"x": [[1, 2], [3, 4]]}, 2)


@pytest.mark.parametrize(
    ("outputs", "samples", "predictions"),
    [
        ({"y": np.array([[1.5], [2.5]], np.float32)}, 2, [[1.5], [2.5]]),
        ({"y": np.array([1, 2]), "z": ["a", "b"]}, 2, [{"y": 1, "z": "a"}, {"y": 2, "z": "b"}]),
        ({"y": np.array([1, 2, 3])}, 2, {"y": [1, 2, 3]}),
        ({"y": np.array(1.5, np.float32)}, 1, {"y": 1.5}),
        ({"y": np.array([np.nan, 1], np.float16)}, 2, [None, 1]),
        ({"y": np.array(["a", "b"], object)}, 2, ["a", "b"]),
        ({"y": [{1: np.float32(0.5)}]}, 1, [{"1": 0.5}]),
    ],
)
def test_predictions(outputs: dict[str, Any], samples: int, predictions: Any) -> None:
    assert orjson.loads(v1.render(outputs, samples)) == {"predictions": predictions}


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["input", "sr", "x", "instances"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.just("instances"), st.lists(_json, max_size=4)) | _json)
def test_any_body_is_a_request_or_a_bad_request(document: Any) -> None:
    for signature in (AUDIO, Signature(AUDIO.inputs[:1], ()), Signature((Tensor("x", TYPES["string"], (None,)),), ())):
        try:
            v1.parse(orjson.dumps(document), signature)
        except BadRequest as error:
            error.detail.encode()
