"""Bodies and answers of each dialect, against answers as its server's specification has them."""

import json

import numpy as np
import pytest
from tests.bench import check
from tests.bench.dialects import DIALECTS, HEADER_LENGTH

ONE = {"x": np.array([[1.5, -2.0]], np.float32)}
TWO = {"ids": np.array([[1, 2, 3]]), "mask": np.array([[1, 1, 0]])}
WANTED = np.array([[0.25, 0.75]], np.float32)
RAW = WANTED.tobytes()
BINARY = json.dumps(
    {"outputs": [{"name": "y", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]}
)


@pytest.mark.parametrize(
    ("name", "path", "content"),
    [
        ("predict", "/predict", {"ids": [[1, 2, 3]], "mask": [[1, 1, 0]]}),
        ("v1", "/v1/models/model:predict", {"instances": [{"ids": [1, 2, 3], "mask": [1, 1, 0]}]}),
        ("items", "/predict", {"inputs": [{"ids": [1, 2, 3], "mask": [1, 1, 0]}]}),
        (
            "v2",
            "/v2/models/model/infer",
            {
                "inputs": [
                    {"name": "ids", "shape": [1, 3], "datatype": "INT64", "data": [1, 2, 3]},
                    {"name": "mask", "shape": [1, 3], "datatype": "INT64", "data": [1, 1, 0]},
                ]
            },
        ),
    ],
)
def test_json_bodies(name: str, path: str, content: object) -> None:
    request = DIALECTS[name].encode(TWO)
    assert request.path == path
    assert json.loads(request.content) == content


def test_v1_of_one_input_has_bare_rows() -> None:
    assert json.loads(DIALECTS["v1"].encode(ONE).content) == {"instances": [[1.5, -2.0]]}


def test_v2_binary_announces_its_header() -> None:
    request = DIALECTS["v2-binary"].encode(ONE)
    length = int(request.headers[HEADER_LENGTH])
    header = json.loads(request.content[:length])
    assert header["inputs"] == [
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    ]
    assert request.content[length:] == ONE["x"].tobytes()


@pytest.mark.parametrize(
    ("name", "body", "headers"),
    [
        ("predict", b'{"y": [[0.25, 0.75]]}', {}),
        ("v1", b'{"predictions": [[0.25, 0.75]]}', {}),
        ("v2", b'{"outputs": [{"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]}]}', {}),
        ("v2-binary", BINARY.encode() + RAW, {HEADER_LENGTH.lower(): str(len(BINARY))}),
        ("array", b"[[0.25, 0.75]]", {}),
        ("items", b"[[0.25, 0.75]]", {}),
        ("octets", b'{"y": [[0.25, 0.75]]}', {}),
        ("jpeg", b'{"y": [0.25, 0.75]}', {}),
    ],
)
def test_answers(name: str, body: bytes, headers: dict[str, str]) -> None:
    dialect = DIALECTS[name]
    assert check.answer(dialect, 200, body, headers, WANTED) is None
    assert check.answer(dialect, 200, body, headers, WANTED + np.float32(0.001)) == "off by 0.001"
    assert check.answer(dialect, 500, b"no", headers, WANTED) == "500: no"
    unreadable = check.answer(dialect, 200, b"{}", {}, WANTED)
    assert unreadable is not None


def test_nan_and_another_shape_are_no_right_answers() -> None:
    assert check.answers_differ(np.full((1, 2), np.nan), WANTED) == "off by nan"
    assert check.answers_differ(WANTED[0], WANTED) == "shape [2] instead of [1, 2]"
