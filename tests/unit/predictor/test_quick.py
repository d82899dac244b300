"""The quick decoder against the careful one: the same arrays, or it leaves the request to the other."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnxmodels
from decoding import SIGNATURES, bodies, careful, same
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tensors import batch_axis
from gpux_predictor.tensors.quick import Quick
from gpux_predictor.tensors.signature import Signature

DECODERS = {name: Quick(signature, batch_axis.find(signature)) for name, signature in SIGNATURES.items()}


def check(name: str, signature: Signature, body: bytes) -> None:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    found = DECODERS[name].decode(request, body)
    if found is None:
        return
    expected = careful(signature, body)
    assert not isinstance(expected, str), f"{body!r} is taken, the careful decoder says: {expected}"
    arrays, single = expected
    same(found.arrays, arrays)
    assert found.single == single
    assert found.elements == sum(array.size for array in arrays.values())
    axis = batch_axis.find(signature)
    assert found.rows == next((len(arrays[name]) for name in arrays if name in axis.inputs), 1)


@pytest.mark.parametrize("name", SIGNATURES)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_quick_decoder_agrees_with_the_careful_one(name: str, data: st.DataObject) -> None:
    check(name, SIGNATURES[name], data.draw(bodies(SIGNATURES[name])))


def test_a_decoder_of_no_use_for_its_model_takes_nothing() -> None:
    check("one", SIGNATURES["one"], b"{}")


def test_booleans_among_numbers_are_not_answered_at_once(
    tmp_path: Path, make_service: Callable[[], ModelService]
) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    service = make_service()
    assert service.at_once(b'{"x": [[1, 2.5]]}') is not None
    assert service.at_once(b'{"x": [[true, 2.5]]}') is None


def test_a_number_beyond_float32_makes_no_warning() -> None:
    check("float32", SIGNATURES["float32"], b'{"x": [0, 1.7976931348623157e308]}')
