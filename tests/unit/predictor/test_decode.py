"""JSON values to arrays: what is taken, and the exact words of what is refused."""

from typing import Any

import numpy as np
import pytest

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors import batch_axis, decode, values
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES, first_beyond
from gpux_predictor.tensors.signature import Dim, Signature, Tensor

TYPES = {element.name: element for element in ELEMENT_TYPES}


def tensor(name: str, dtype: str, *shape: Dim) -> Tensor:
    return Tensor(name, TYPES[dtype], shape)


def arrays(inputs: list[Tensor], body: Any) -> tuple[dict[str, np.ndarray], bool]:
    signature = Signature(tuple(inputs), ())
    return decode.request_arrays(signature, batch_axis.find(signature), body)


TOKENS = [tensor("input_ids", "int64", "batch", "sequence"), tensor("attention_mask", "int64", "batch", "sequence")]


def test_a_sample_gets_its_batch_axis_and_a_batch_keeps_it() -> None:
    one, single = arrays(TOKENS, {"input_ids": [1, 2], "attention_mask": [1, 1]})
    assert single
    assert one["input_ids"].tolist() == [[1, 2]]
    two, single = arrays(TOKENS, {"input_ids": [[1, 2], [3, 4]], "attention_mask": [[1, 1], [1, 0]]})
    assert not single
    assert two["input_ids"].dtype == np.int64
    assert two["attention_mask"].shape == (2, 2)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"attention_mask": [1, 1, 1]}, "Missing required input: 'input_ids'"),
        ({"input_ids": "not an array"}, "Invalid input type for 'input_ids': expected array"),
        ({"input_ids": 5}, "Invalid input type for 'input_ids': expected array"),
        ({"input_ids": None}, "Invalid input type for 'input_ids': expected array"),
        ({"input_ids": {"a": 1}}, "Invalid input type for 'input_ids': expected array"),
        ({"input_ids": [1, 2]}, "Missing required input: 'attention_mask'"),
        ([1, 2], "Invalid request body: expected a JSON object of input names to values, found array"),
        (None, "Invalid request body: expected a JSON object of input names to values, found null"),
        (
            {"input_ids": [1], "attention_mask": [1], "token_type_ids": [0]},
            "Unknown input: 'token_type_ids'; this model takes 'input_ids', 'attention_mask'",
        ),
        ({"input_ids": [1, "a"]}, "Invalid input type for 'input_ids': expected elements of type int64, found strings"),
        (
            {"input_ids": [1.5]},
            "Invalid input type for 'input_ids': expected elements of type int64, found numbers with a fraction",
        ),
        ({"input_ids": [True]}, "Invalid input type for 'input_ids': expected elements of type int64, found booleans"),
        (
            {"input_ids": [1, None]},
            "Invalid input type for 'input_ids': expected elements of type int64, found elements of different types, or null",
        ),
        ({"input_ids": [2**63]}, "Invalid input value for 'input_ids': 9223372036854775808 is out of range for int64"),
        (
            {"input_ids": [2**70]},
            "Invalid input value for 'input_ids': 1180591620717411303424 is out of range for int64",
        ),
        ({"input_ids": []}, "Invalid input shape for 'input_ids': the array is empty"),
        ({"input_ids": [[1], [1, 2]]}, "Invalid input shape for 'input_ids': the nested arrays have different lengths"),
        (
            {"input_ids": [[[1]]]},
            "Invalid input shape for 'input_ids': expected [batch, sequence], or one dimension less for one sample; found [1, 1, 1]",
        ),
        (
            {"input_ids": [1, 2], "attention_mask": [1]},
            "Invalid input shape for 'attention_mask': dimension 'sequence' is 1 here and 2 in 'input_ids'",
        ),
        (
            {"input_ids": [[1, 2], [3, 4]], "attention_mask": [1, 1]},
            "Invalid input shape for 'attention_mask': 'input_ids' is a batch of 2, so 'attention_mask' needs its batch axis too",
        ),
    ],
)
def test_wrong_bodies(body: Any, detail: str) -> None:
    with pytest.raises(BadRequest) as caught:
        arrays(TOKENS, body)
    assert caught.value.detail == detail


def test_nesting_deeper_than_numpy_can_hold() -> None:
    value: Any = 1
    for _ in range(100):
        value = [value]
    with pytest.raises(BadRequest, match=r"nested too deeply|found"):
        arrays(TOKENS, {"input_ids": value})


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("float32", [1, 2.5], [1.0, 2.5]),
        ("float64", [1e300], [1e300]),
        ("float16", [0.5], [0.5]),
        ("bfloat16", [1.5], [1.5]),
        ("int8", [-128, 127], [-128, 127]),
        ("uint64", [2**64 - 1], [2**64 - 1]),
        ("int64", [3.0], [3]),
        ("int64", [1.0, 2**53 + 1], [1, 2**53 + 1]),
        ("uint64", [0, 2**64 - 1], [0, 2**64 - 1]),
        ("bool", [True, False], [True, False]),
        ("bool", [1, 0], [True, False]),
        ("string", ["a", "ü"], ["a", "ü"]),
    ],
)
def test_values_of_each_type(dtype: str, value: Any, expected: Any) -> None:
    array = values.from_json(tensor("x", dtype, None), value)
    assert array.dtype == TYPES[dtype].dtype
    assert array.tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "value", "detail"),
    [
        ("int8", [128], "Invalid input value for 'x': 128 is out of range for int8"),
        ("uint8", [-1], "Invalid input value for 'x': -1 is out of range for uint8"),
        ("float16", [70000], "Invalid input value for 'x': 70000 is out of range for float16"),
        (
            "float32",
            [2**70, 2**1030],
            "Invalid input type for 'x': expected elements of type float32, found numbers out of range",
        ),
        ("float32", [1e39], "Invalid input value for 'x': 1e+39 is out of range for float32"),
        ("bool", [2], "Invalid input type for 'x': expected elements of type bool, found numbers"),
        ("string", [1], "Invalid input type for 'x': expected elements of type string"),
        ("string", ["a", 1], "Invalid input type for 'x': expected elements of type string"),
        ("string", 1, "Invalid input type for 'x': expected string or array"),
        ("float32", "1", "Invalid input type for 'x': expected array"),
    ],
)
def test_values_that_a_type_cannot_hold(dtype: str, value: Any, detail: str) -> None:
    with pytest.raises(BadRequest) as caught:
        values.from_json(tensor("x", dtype, None), value)
    assert caught.value.detail == detail


def test_one_string_and_one_number_are_one_sample() -> None:
    texts = [tensor("text", "string", "n")]
    assert arrays(texts, {"text": "one"})[0]["text"].tolist() == ["one"]
    assert arrays(texts, {"text": "one"})[1]
    assert not arrays(texts, {"text": ["a", "b"]})[1]
    column = [tensor("age", "float32", None, 1)]
    found, single = arrays(column, {"age": 3})
    assert (found["age"].tolist(), single) == ([[3.0]], True)


def test_a_scalar_beside_batched_inputs() -> None:
    inputs = [tensor("input", "float32", "batch", None), tensor("sr", "int64")]
    found, single = arrays(inputs, {"input": [0.5, 0.25], "sr": 16000})
    assert (found["sr"].shape, found["input"].shape, single) == ((), (1, 2), True)
    with pytest.raises(BadRequest, match="Invalid input type for 'sr': expected number"):
        arrays(inputs, {"input": [0.5], "sr": "16 kHz"})


def test_a_batch_fixed_at_one_never_shows() -> None:
    image = [tensor("image", "float32", 1, 1, 2, 2)]
    for value in ([[[[1, 2], [3, 4]]]], [[[1, 2], [3, 4]]]):
        found, single = arrays(image, {"image": value})
        assert (found["image"].shape, single) == ((1, 1, 2, 2), True)
    with pytest.raises(BadRequest, match=r"expected \[1, 1, 2, 2\], found \[2, 1, 2, 2\]"):
        arrays(image, {"image": [[[[1, 2], [3, 4]]]] * 2})


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_first_number_beyond_a_float_type(dtype: str) -> None:
    beyond = first_beyond(np.dtype(dtype))
    with np.errstate(over="ignore"):
        assert np.isinf(np.float64(beyond).astype(dtype))
    assert np.isfinite(np.nextafter(np.float64(beyond), 0).astype(dtype))
