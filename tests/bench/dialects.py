"""How each server wants a sample and gives its answer: pure functions from arrays to bodies and back.

Every model here has one output, so an answer is one array [1, …].
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import orjson

Feeds = Mapping[str, np.ndarray]
NAME = "model"
"""What the model is called on every server."""
HEADER_LENGTH = "Inference-Header-Content-Length"
OCTETS = "application/octet-stream"
_DATATYPES = {"float32": "FP32", "int64": "INT64"}


@dataclass(frozen=True)
class Request:
    """One HTTP POST."""

    path: str
    content: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass(frozen=True)
class Dialect:
    """One way to ask.

    Attributes:
        kind: json, binary or jpeg: which cases it takes part in.
        encode: a sample (batch of one) as a request; for jpeg the sample is {"image": the file's bytes as uint8}.
        decode: the answer's body and lower-case headers as the array.
    """

    name: str
    kind: str
    encode: Callable[[Feeds], Request]
    decode: Callable[[bytes, Mapping[str, str]], np.ndarray]


def _json(path: str, content: object) -> Request:
    return Request(path, orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))


def _predict(feeds: Feeds) -> Request:
    return _json("/predict", dict(feeds))


def _only_value(body: bytes, _: Mapping[str, str]) -> np.ndarray:
    (value,) = json.loads(body).values()
    return np.asarray(value)


def _v1(feeds: Feeds) -> Request:
    rows = {name: array[0] for name, array in feeds.items()}
    return _json(f"/v1/models/{NAME}:predict", {"instances": [rows if len(rows) > 1 else next(iter(rows.values()))]})


def _v2_tensors(feeds: Feeds) -> list[dict[str, object]]:
    return [
        {"name": name, "shape": list(array.shape), "datatype": _DATATYPES[array.dtype.name]}
        for name, array in feeds.items()
    ]


def _v2(feeds: Feeds) -> Request:
    data = ({"data": array.ravel()} for array in feeds.values())
    tensors = [described | values for described, values in zip(_v2_tensors(feeds), data, strict=True)]
    return _json(f"/v2/models/{NAME}/infer", {"inputs": tensors})


def _v2_answer(body: bytes, _: Mapping[str, str]) -> np.ndarray:
    (output,) = json.loads(body)["outputs"]
    return np.asarray(output["data"]).reshape(output["shape"])


def _v2_binary(feeds: Feeds) -> Request:
    sizes = ({"parameters": {"binary_data_size": array.nbytes}} for array in feeds.values())
    tensors = [described | size for described, size in zip(_v2_tensors(feeds), sizes, strict=True)]
    header = orjson.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}})
    content = b"".join([header, *(array.tobytes() for array in feeds.values())])
    return Request(f"/v2/models/{NAME}/infer", content, {"Content-Type": OCTETS, HEADER_LENGTH: str(len(header))})


def _v2_binary_answer(body: bytes, headers: Mapping[str, str]) -> np.ndarray:
    length = headers.get(HEADER_LENGTH.lower())
    if length is None:
        return _v2_answer(body, headers)
    (output,) = json.loads(body[: int(length)])["outputs"]
    return np.frombuffer(body[int(length) :], dtype=np.float32).reshape(output["shape"])


def _octets(feeds: Feeds) -> Request:
    return Request("/predict", next(iter(feeds.values())).tobytes(), {"Content-Type": OCTETS})


def _items(feeds: Feeds) -> Request:
    return _json("/predict", {"inputs": [{name: array[0] for name, array in feeds.items()}]})


def _bare_value(body: bytes, _: Mapping[str, str]) -> np.ndarray:
    return np.asarray(json.loads(body))


def _jpeg(feeds: Feeds) -> Request:
    return Request("/predict", next(iter(feeds.values())).tobytes(), {"Content-Type": "image/jpeg"})


def _image_answer(body: bytes, headers: Mapping[str, str]) -> np.ndarray:
    """One image is one sample: its answer may come without the batch axis."""
    return _only_value(body, headers).reshape(1, -1)


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("predict", "json", _predict, _only_value),
        Dialect("v1", "json", _v1, lambda body, _: np.asarray(json.loads(body)["predictions"])),
        Dialect("v2", "json", _v2, _v2_answer),
        Dialect("v2-binary", "binary", _v2_binary, _v2_binary_answer),
        Dialect("octets", "binary", _octets, _only_value),
        Dialect("array", "json", _predict, _bare_value),
        Dialect("items", "json", _items, _bare_value),
        Dialect("jpeg", "jpeg", _jpeg, _image_answer),
    )
}
