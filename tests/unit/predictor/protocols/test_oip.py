"""The REST codec of the Open Inference Protocol: what a body means, what is refused, and what is answered."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpux_predictor.errors import BadRequest
from gpux_predictor.protocols.oip_request import Request, RequestedOutput, parse
from gpux_predictor.protocols.oip_response import render
from gpux_predictor.tensors import bfloat16
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES, ElementType
from gpux_predictor.tensors.signature import Signature, Tensor

TYPES = {element.name: element for element in ELEMENT_TYPES}
HALVES = [0.5, -2.0, 0.0]


def one(name: str, shape: tuple[Any, ...] = (None,)) -> Signature:
    return Signature((Tensor("x", TYPES[name], shape),), (Tensor("y", TYPES[name], shape),))


EVERY = Signature(
    tuple(Tensor(name, element, (None,)) for name, element in TYPES.items()), (Tensor("y", TYPES["float32"], (None,)),)
)


def body(*inputs: Mapping[str, Any], raw: bytes = b"", **more: Any) -> tuple[bytes, str]:
    text = orjson.dumps({"inputs": inputs, **more})
    return text + raw, str(len(text))


def binary(size: Any, **changes: Any) -> dict[str, Any]:
    return {"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": size}} | changes


def sample(element: ElementType) -> np.ndarray:
    return np.array(
        {"s": ["a", "größe\0"], "f": HALVES, "b": [True, False], "i": [0, 1, 100]}[element.kind], element.dtype
    )


def answered(signature: Signature, request: Request, **outputs: Any) -> tuple[dict[str, Any], bytes]:
    text, length = render("m", None, signature, request, outputs)
    return orjson.loads(text[:length]), text[length:] if length is not None else b""


@pytest.mark.parametrize("element", ELEMENT_TYPES, ids=lambda element: element.oip)
@pytest.mark.parametrize("raw", [True, False])
def test_every_datatype_there_and_back(element: ElementType, raw: bool) -> None:
    signature, array = one(element.name), sample(element)
    document, data = answered(signature, Request("7", {}, (RequestedOutput("y", raw),)), y=array)
    [output] = document["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("y", element.oip, [array.size])
    again = {**output, "name": "x"}
    content, length = body(again, raw=data, id=document["id"])
    found = parse(content, length, signature)
    assert (found.id, found.arrays["x"].dtype) == ("7", element.dtype)
    np.testing.assert_array_equal(found.arrays["x"], array)


@pytest.mark.parametrize(
    ("name", "values", "raw"),
    [
        ("float32", [1.0, -2.0], b"\0\0\x80\x3f\0\0\0\xc0"),
        ("float16", [1.0, -2.0], b"\0\x3c\0\xc0"),
        ("bfloat16", [1.0, -2.0], b"\x80\x3f\0\xc0"),
        ("uint16", [1, 258], b"\1\0\2\1"),
        ("bool", [True, False], b"\1\0"),
        ("string", ["ü", ""], b"\2\0\0\0\xc3\xbc\0\0\0\0"),
    ],
)
def test_bytes_as_the_extension_gives_them(name: str, values: list[Any], raw: bytes) -> None:
    signature = one(name)
    tensor = {"name": "x", "datatype": TYPES[name].oip, "shape": [2], "parameters": {"binary_data_size": len(raw)}}
    content, length = body(tensor, raw=raw)
    array = parse(content, length, signature).arrays["x"]
    assert array.tolist() == values
    _, sent = answered(signature, Request(None, {}, binary_output=True), y=array)
    assert sent == raw


@pytest.mark.parametrize("padding", range(4))
def test_binary_is_a_view_where_it_is_aligned(padding: int) -> None:
    text = orjson.dumps({"inputs": [binary(8)]})
    text += b" " * (-len(text) % 4 + padding)
    content = text + np.array([1.5, 2.5], np.float32).tobytes()
    array = parse(content, str(len(text)), one("float32")).arrays["x"]
    assert array.tolist() == [1.5, 2.5]
    assert array.flags.aligned
    assert np.shares_memory(array, np.frombuffer(content, np.uint8)) == (padding == 0)


def test_json_and_binary_side_by_side() -> None:
    names = ("float32", "int64", "string")
    signature = Signature(tuple(Tensor(name, TYPES[name], (None,)) for name in names), EVERY.outputs)
    content, length = body(
        binary(8, name="float32"),
        {"name": "int64", "datatype": "INT64", "shape": [2], "data": [7, 8]},
        binary(5, name="string", datatype="BYTES", shape=[1]),
        raw=np.array([1, 2], np.float32).tobytes() + b"\1\0\0\0a",
    )
    arrays = parse(content, length, signature).arrays
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "float32": [1, 2],
        "int64": [7, 8],
        "string": ["a"],
    }


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]], [[[1], [2]], [[3], [4]]]])
def test_flat_or_nested(data: Any) -> None:
    content, _ = body({"name": "x", "datatype": "FP32", "shape": [2, 2], "data": data})
    assert parse(content, None, one("float32", (None, 2))).arrays["x"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("shape", [[0], [2, 0], [0, 3]])
def test_tensors_without_elements(shape: list[int]) -> None:
    """A decoder's first step has past keys of length 0."""
    signature = one("float32", (None,) * len(shape))
    for tensor in (binary(0, shape=shape), {"name": "x", "datatype": "FP32", "shape": shape, "data": []}):
        content, length = body(tensor)
        array = parse(content, length, signature).arrays["x"]
        assert list(array.shape) == shape
        assert array.dtype == np.float32
        for asked in (True, False):
            document, data = answered(signature, Request(None, {}, binary_output=asked), y=array)
            assert (document["outputs"][0]["shape"], data) == (shape, b"")


def test_which_outputs_and_how() -> None:
    two = Signature(EVERY.inputs, (Tensor("y", TYPES["float32"], ()), Tensor("z", TYPES["float32"], ())))
    wanted = [{"name": "z", "parameters": {"binary_data": False, "mine": 1}}, {"name": "y"}]
    content, _ = body(outputs=wanted, parameters={"binary_data_output": True, "sequence_id": 4})
    request = parse(content, None, two)
    assert request.outputs == (RequestedOutput("z", False), RequestedOutput("y", None))
    document, data = answered(two, request, y=np.array(1, np.float32), z=np.array([[np.nan, -np.inf, 0.1]], np.float32))
    assert document == {
        "model_name": "m",
        "outputs": [
            {"name": "z", "datatype": "FP32", "shape": [1, 3], "data": [None, None, 0.1]},
            {"name": "y", "datatype": "FP32", "shape": [], "parameters": {"binary_data_size": 4}},
        ],
    }
    assert data == b"\0\0\x80\x3f"


def test_outputs_that_do_not_lie_in_order() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    for asked in (True, False):
        document, data = answered(one("float32"), Request(None, {}, binary_output=asked), y=array)
        found = np.frombuffer(data, np.float32).tolist() if asked else document["outputs"][0]["data"]
        assert found == [0, 3, 1, 4, 2, 5]


def test_an_output_that_is_no_tensor() -> None:
    signature = Signature((), (Tensor("y", None, ()),))
    with pytest.raises(BadRequest, match="Output 'y' is no tensor, which this protocol cannot carry"):
        render("m", None, signature, Request(None, {}), {"y": [{1: 0.5}]})


def test_unknown_inputs_go_on_to_be_refused_by_name() -> None:
    content, length = body(binary(3, name="z"), binary(8), raw=bytes(11))
    arrays = parse(content, length, one("float32")).arrays
    assert (list(arrays), arrays["x"].tolist()) == (["z", "x"], [0, 0])


@pytest.mark.parametrize(
    ("tensors", "raw", "error"),
    [
        ([binary(8)], bytes(7), "'x': binary_data_size is 8, but 7 bytes are left"),
        ([binary(8)], bytes(9), "9 bytes follow the JSON, the inputs' binary_data_size add up to 8"),
        ([binary("8")], bytes(8), "'x': binary_data_size 8 is no size in bytes"),
        ([binary(True)], bytes(1), "binary_data_size True is no size"),
        ([binary(-8)], b"", "binary_data_size -8 is no size"),
        ([binary(4)], bytes(4), "'x': 4 bytes do not fill the shape [2] of FP32"),
        ([binary(8, data=[1, 2])], bytes(8), "'x': expected data or a binary_data_size in parameters, found both"),
        ([binary(None)], b"", "expected data or a binary_data_size in parameters, found nothing"),
        ([binary(8, parameters={"shared_memory_region": "a"})], b"", "parameter 'shared_memory_region' is not served"),
        ([binary(8, parameters=[])], bytes(8), "input 'x': parameters must be an object"),
        ([binary(8), binary(8)], bytes(16), "input 'x' is there twice"),
        ([binary(8, shape=[2.0])], bytes(8), "Invalid input shape for 'x': [2.0] is no shape"),
        ([binary(8, shape=None)], bytes(8), "'x': None is no shape"),
        ([binary(8, shape=[True, 2])], bytes(8), "is no shape"),
        ([binary(8, shape=[1] * 80 + [2])], bytes(8), "is no shape"),
        ([binary(0, shape=[0, 2**62, 2**62])], b"", "is no shape"),
        ([binary(8, datatype="FP64")], bytes(8), "'x': expected datatype FP32, found FP64"),
        ([binary(8, datatype=None)], bytes(8), "expected datatype FP32, found None"),
        ([binary(8, name=5)], bytes(8), "inputs[0]: expected an object with a name"),
        ([[]], b"", "inputs[0]: expected an object with a name"),
    ],
)  # fmt: skip
def test_malformed_tensors(tensors: list[Any], raw: bytes, error: str) -> None:
    content, length = body(*tensors, raw=raw)
    with pytest.raises(BadRequest) as raised:
        parse(content, length, one("float32"))
    assert error in raised.value.detail
    assert len(raised.value.detail) < 300


@pytest.mark.parametrize(
    ("datatype", "raw", "error"),
    [
        ("BOOL", b"\2", "a BOOL is one byte of 0 or 1"),
        ("BYTES", b"\5\0\0\0ab", "the bytes end inside of element 0"),
        ("BYTES", b"\1\0\0\0a\1\0", "the bytes end inside of element 1"),
        ("BYTES", b"\xff\xff\xff\xff", "the bytes end inside of element 0"),
        ("BYTES", b"\1\0\0\0\xff", "element 0 is no UTF-8"),
        ("BYTES", b"", "0 elements do not fill the shape [1]"),
    ],
)
def test_malformed_elements(datatype: str, raw: bytes, error: str) -> None:
    name = {element.oip: element.name for element in ELEMENT_TYPES}[datatype]
    content, length = body(binary(len(raw), datatype=datatype, shape=[1]), raw=raw)
    with pytest.raises(BadRequest) as raised:
        parse(content, length, one(name))
    assert raised.value.detail == f"Invalid input value for 'x': {error}"


@pytest.mark.parametrize("length", ["", "-1", "abc", "1e1", "²", "9" * 5000, "999"])
def test_malformed_header(length: str) -> None:
    content, _ = body(binary(8), raw=bytes(8))
    with pytest.raises(
        BadRequest, match="Invalid Inference-Header-Content-Length: expected the length of the JSON in bytes"
    ):
        parse(content, length, one("float32"))


def test_binary_without_the_header() -> None:
    content, _ = body(binary(0, shape=[0]))
    with pytest.raises(BadRequest, match="the request has no header Inference-Header-Content-Length"):
        parse(content, None, one("float32"))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"id": 7}, "id: expected a string"),
        ({"parameters": 7}, "request: parameters must be an object"),
        ({"parameters": {"binary_data_output": "yes"}}, "request: binary_data_output must be true or false"),
        ({"outputs": {}}, "outputs: expected an array of tensors"),
        ({"outputs": [{"name": "z"}]}, "Unknown output: 'z'; this model gives 'y'"),
        ({"outputs": [{"name": "y"}] * 2}, "output 'y' is there twice"),
        (
            {"outputs": [{"name": "y", "parameters": {"binary_data": 1}}]},
            "output 'y': binary_data must be true or false",
        ),
        ({"outputs": [{"name": "y", "parameters": {"classification": 3}}]}, "parameter 'classification' is not served"),
        ({"inputs": None}, "inputs: expected an array of tensors"),
    ],
)
def test_malformed_requests(more: dict[str, Any], error: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse(orjson.dumps({"inputs": [], **more}), None, one("float32"))
    assert error in raised.value.detail


_names = st.sampled_from([*TYPES, "z", ""])
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_parameters = st.none() | _json | st.fixed_dictionaries({}, optional={"binary_data_size": _json | st.integers(0, 40)})
_shapes = st.lists(st.integers(0, 4), max_size=3) | st.lists(st.integers(), max_size=70) | _json
_datatypes = st.sampled_from([element.oip for element in ELEMENT_TYPES]) | _json
_tensors = st.fixed_dictionaries(
    {"name": _names, "shape": _shapes, "datatype": _datatypes}, optional={"data": _json, "parameters": _parameters}
)
_matching = st.sampled_from(ELEMENT_TYPES).flatmap(
    lambda element: st.fixed_dictionaries(
        {"name": st.just(element.name), "shape": _shapes, "datatype": st.just(element.oip)},
        optional={"data": st.lists(_scalars, max_size=4), "parameters": _parameters},
    )
)
_documents = st.fixed_dictionaries(
    {"inputs": st.lists(_tensors | _matching, max_size=4) | _json},
    optional={"id": _json, "parameters": _json, "outputs": _json | st.lists(_tensors, max_size=2)},
)


def _text(document: Any) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:  # integers beyond 64 bits and lone surrogates
        return repr(document).encode("utf-8", "surrogatepass")


@given(_documents | _json, st.binary(max_size=40), st.none() | st.text(max_size=4) | st.just("fits"))
def test_any_body_is_a_request_or_a_bad_request(document: Any, raw: bytes, length: str | None) -> None:
    text = _text(document)
    header = str(len(text)) if length == "fits" else length
    refused = ""
    arrays: dict[str, np.ndarray] = {}
    try:
        arrays = parse(text + raw, header, EVERY).arrays
    except BadRequest as error:
        refused = error.detail
    assert len(refused.encode()) < 600
    for name, array in arrays.items():
        assert name not in TYPES or array.dtype == TYPES[name].dtype


@given(st.binary(max_size=60), st.none() | st.text(max_size=3))
def test_any_bytes(content: bytes, length: str | None) -> None:
    with pytest.raises(BadRequest):
        parse(content, length, EVERY)


@given(st.sampled_from(ELEMENT_TYPES), st.data())
def test_what_is_sent_in_binary_comes_back_bit_for_bit(element: ElementType, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 5))
    if element.kind == "s":
        texts = data.draw(st.lists(st.text(), min_size=count, max_size=count))
        raw = b"".join(len(t.encode()).to_bytes(4, "little") + t.encode() for t in texts)
    else:
        size = 2 if element.oip == "BF16" else element.dtype.itemsize
        raw = data.draw(st.binary(min_size=count * size, max_size=count * size))
    if element.kind == "b":
        raw = bytes(byte & 1 for byte in raw)
    content, length = body(binary(len(raw), datatype=element.oip, shape=[count]), raw=raw)
    array = parse(content, length, one(element.name)).arrays["x"]
    _, sent = answered(one(element.name), Request(None, {}, binary_output=True), y=array)
    if element.oip == "BF16" and np.isnan(array).any():
        assert np.isnan(bfloat16.from_bits(np.frombuffer(sent, "<u2"))).tolist() == np.isnan(array).tolist()
    else:
        assert sent == raw
