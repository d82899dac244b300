"""simdjson's way to tensors against the careful one: the same arrays, both refuse, or it leaves the body to the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoding import SIGNATURES, Decoded, bodies, careful, same
from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors import batch_axis, decode, fast_json
from gpux_predictor.tensors.signature import Signature


def fast(signature: Signature, sent: dict[str, np.ndarray]) -> Decoded:
    try:
        return decode.request_numbers(signature, batch_axis.find(signature), sent)
    except BadRequest as error:
        return str(error)


def check(signature: Signature, body: bytes) -> None:
    sent = fast_json.numbers(signature, body)
    if sent is None:
        return
    found, expected = fast(signature, sent), careful(signature, body)
    if isinstance(found, str) or isinstance(expected, str):
        assert type(found) is type(expected), f"{body!r}: fast: {found}, careful: {expected}"
        return
    same(found[0], expected[0])
    assert found[1] == expected[1]


@pytest.mark.parametrize("name", SIGNATURES)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_fast_decoder_agrees_with_the_careful_one(name: str, data: st.DataObject) -> None:
    check(SIGNATURES[name], data.draw(bodies(SIGNATURES[name])))


@pytest.mark.parametrize("body", [b'{"x": [6, -3], "x": 1}', b'{"x": [1], "x": [[2]]}'])
def test_a_key_that_is_there_twice_has_its_last_value(body: bytes) -> None:
    check(SIGNATURES["shapeless"], body)
