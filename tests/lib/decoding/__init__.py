"""JSON bodies for the decoders of tensors, near to right ones, and what the careful decoder makes of them."""

from collections.abc import Mapping

import numpy as np
import orjson
from hypothesis import strategies as st

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors import batch_axis, decode
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES
from gpux_predictor.tensors.signature import Dim, Signature, Tensor

Decoded = tuple[dict[str, np.ndarray], bool] | str
_TYPES = {element.name: element for element in ELEMENT_TYPES}


def _inputs(*tensors: tuple[str, str, tuple[Dim, ...]]) -> Signature:
    return Signature(tuple(Tensor(name, _TYPES[dtype], shape) for name, dtype, shape in tensors), ())


SIGNATURES = {
    "float32": _inputs(("x", "float32", ("batch", 2))),
    "float64": _inputs(("x", "float64", ("batch", None))),
    "float16": _inputs(("x", "float16", (None, 2))),
    "int64": _inputs(("x", "int64", ("batch", "seq"))),
    "int32": _inputs(("x", "int32", ("batch", 2))),
    "uint64": _inputs(("x", "uint64", ("batch", 2))),
    "column": _inputs(("x", "float32", (None, 1))),
    "line": _inputs(("x", "float32", ("batch",))),
    "cube": _inputs(("x", "float32", ("batch", 2, "n"))),
    "one": _inputs(("x", "float32", (1, 2))),
    "fixed": _inputs(("x", "float32", (2, 2))),
    "shapeless": _inputs(("x", "float32", ())),
    "bool": _inputs(("x", "bool", ("batch", 2))),
    "string": _inputs(("x", "string", ("batch", 2))),
    "tokens": _inputs(("ids", "int64", ("batch", "seq")), ("mask", "int64", ("batch", "seq"))),
    "state": _inputs(("x", "float32", ("batch", 2)), ("state", "float32", (2, "batch"))),
    "twice": _inputs(("x", "float32", ("n", "n"))),
}
_NUMBERS = (
    "0", "-0", "-0.0", "1", "1.0", "2.5", "-3", "1e3", "1E2", "1e-400", "1e400", "-1e39", "3.4028235e38", "3.4028236e38", "65504",
    "65520", "2147483648", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1e18", "9.3e18", "0.1", "123456789012345678901234567890",
    "5e-324", "1.7976931348623157e308", "1e38", "00", "1.", "+1", "NaN", "Infinity",
)  # fmt: skip
_OTHERS = ("null", "true", "false", '"a"', "{}", "[]", '"[1]"', '"\\ud800"')
_numbers = st.one_of(
    st.integers(-10, 10).map(str),
    st.integers(-(2**65), 2**65).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(_NUMBERS),
)
_items = st.one_of(*[_numbers] * 6, st.sampled_from(_OTHERS))


@st.composite
def _values(draw: st.DrawFn, tensor: Tensor) -> str:
    """A nested array in about the tensor's shape, as JSON text."""
    shape = [dim if isinstance(dim, int) else draw(st.integers(1, 3)) for dim in tensor.shape]
    change = draw(st.integers(0, 9))
    shape = shape[1:] if change < 3 else [2, *shape] if change == 3 else shape
    items = draw(st.sampled_from([st.just("1"), st.integers(-9, 9).map(str), _numbers, _items]))
    return draw(_nested(tuple(shape), items, ragged=change == 4))


@st.composite
def _nested(draw: st.DrawFn, shape: tuple[int, ...], items: st.SearchStrategy[str], ragged: bool) -> str:
    if not shape:
        return draw(items)
    size = draw(st.integers(0, 3)) if ragged and draw(st.booleans()) else shape[0]
    return "[" + ",".join(draw(_nested(shape[1:], items, ragged)) for _ in range(size)) + "]"


@st.composite
def bodies(draw: st.DrawFn, signature: Signature) -> bytes:
    """A body of /predict: an object of the inputs, sometimes with one more, one less, or one twice."""
    pairs = [(tensor.name, draw(_values(tensor))) for tensor in signature.inputs]
    change = draw(st.integers(0, 19))
    if change == 0:
        pairs = pairs[1:]
    elif change == 1:
        pairs.append(("other", "[1]"))
    elif change == 2:
        pairs.append((pairs[0][0], draw(_values(signature.inputs[0]))))
    elif change == 3:
        pairs.reverse()
    text = "{" + ",".join(f'"{name}": {value}' for name, value in pairs) + "}"
    return draw(
        st.sampled_from([text, f" {text}\n", f"[{text}]", text + "]", text[:-1]]) if change == 4 else st.just(text)
    ).encode()


def careful(signature: Signature, body: bytes) -> Decoded:
    """The careful decoder's arrays and whether they are one sample, or the words with which it refuses."""
    try:
        return decode.request_arrays(signature, batch_axis.find(signature), orjson.loads(body))
    except (BadRequest, orjson.JSONDecodeError) as error:
        return str(error)


def same(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    """Holds arrays against others: names, dtypes, shapes and every bit."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), f"{name}: {found[name]} is not {array}"
