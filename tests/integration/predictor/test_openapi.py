"""/openapi.json of a real server, and what schemathesis found with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest
import yaml
from onnx import helper

from onnxmodels import classifier, identity, save, several, tensor
from predictorserver import Server, serve

PICTURE = {"preprocessing": {"image": {"input": "image", "resize": [8, 8]}}}
TABLE = {"preprocessing": {"tabular": {"entityKey": "match_id", "features": ["a", "b"]}}}


def manifest(folder: Path, **spec: Any) -> Path:
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "test"},
        "spec": {"model": {"source": {"uri": "file://."}, "version": "2"}, **spec},
    }
    path = folder / "gpuxmodel.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def pixels(path: Path) -> Path:
    node = helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0)
    inputs, outputs = [tensor("pixels", "float32", ["batch", 3, 8, 8])], [tensor("mean", "float32", ["batch", 3])]
    return save(path, [node], inputs, outputs, {"axes": np.array([2, 3])})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("table")
    classifier(folder / "model.onnx")
    with serve(manifest(folder, **TABLE)) as server:
        yield server


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mixed")
    several(folder / "model.onnx")
    with serve(manifest(folder)) as server:
        yield server


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("picture")
    pixels(folder / "model.onnx")
    with serve(manifest(folder, **PICTURE)) as server:
        yield server


@pytest.mark.parametrize("name", ["sentiment", "digits", "table", "mixed", "picture"])
def test_every_example_is_answered_as_the_document_says(name: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(name)
    found = server.http.get("/openapi.json").json()
    example = found["paths"]["/predict/async"]["post"]["requestBody"]["content"]["application/json"]["example"]
    task_id = server.http.post("/predict/async", json=example).json()["task_id"]
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            sent = {"json": body["example"]} if body else {}
            answer = server.http.request(method, path.format(task_id=task_id), **sent)
            assert answer.status_code in {200, 202}, f"{method} {path}: {answer.text}"
            described = operation["responses"][str(answer.status_code)]
            kind = answer.headers["content-type"].partition(";")[0]
            schema = described["content"][kind]["schema"] | {"components": found["components"]}
            value = answer.json() if kind == "application/json" else answer.text
            jsonschema.validate(value, schema, jsonschema.Draft202012Validator)
            assert set(described.get("headers", {})) <= {header.title() for header in answer.headers}


@pytest.mark.parametrize("path", ["/predict", "/predict/", "/v1/models/digits:predict", "/v1/models/digits:explain"])
@pytest.mark.parametrize("method", ["GET", "TRACE", "PUT", "OPTIONS", "HEAD"])
def test_another_method_is_told_of_post(digits: Server, method: str, path: str) -> None:
    answer = digits.http.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_a_row_of_integers_in_v1(table: Server) -> None:
    answer = table.http.post("/v1/models/test:predict", json={"instances": [[0, 0]]})
    assert answer.json() == {"predictions": [{"label": 0, "probabilities": [0.5, 0.5]}]}


def test_booleans_among_numbers(mixed: Server) -> None:
    row = {"a": [False, 1.5, 2], "b": [1, 2, 3], "words": "x"}
    detail = "Invalid input type for 'a': expected elements of type float32, found booleans"
    answer = mixed.http.post("/predict", json=row)
    assert (answer.status_code, answer.json()) == (400, {"detail": detail})
    answer = mixed.http.post("/v1/models/test:predict", json={"instances": [row]})
    assert (answer.status_code, answer.json()) == (400, {"error": detail})
    inputs = [
        {"name": "a", "datatype": "FP32", "shape": [1, 3], "data": row["a"]},
        {"name": "b", "datatype": "FP32", "shape": [1, 3], "data": row["b"]},
        {"name": "words", "datatype": "BYTES", "shape": [1], "data": ["x"]},
    ]
    answer = mixed.http.post("/v2/models/test/infer", json={"inputs": inputs})
    assert (answer.status_code, answer.json()) == (400, {"error": detail})


def test_booleans_among_pixels(picture: Server) -> None:
    answer = picture.http.post("/predict", json={"image": [[[False, 0, 0]]]})
    detail = "Invalid input type for 'image': expected elements of type uint8, found booleans"
    assert (answer.status_code, answer.json()) == (400, {"detail": detail})


def test_the_word_true_in_a_text_is_no_boolean(mixed: Server) -> None:
    row = {"a": [0, 1.5, 2], "b": [1, 2, 3], "words": "true"}
    assert mixed.http.post("/predict", json=row).json()["said"] == "true"


def test_an_integer_below_int64_is_not_rounded_into_it(tmp_path: Path) -> None:
    identity(tmp_path / "model.onnx", "int64", ("batch", 1))
    with serve(manifest(tmp_path)) as server:
        assert server.http.post("/predict", content=b'{"x": [[-9223372036854775808]]}').json() == {"y": [[-(2**63)]]}
        answer = server.http.post("/predict", content=b'{"x": [[-9223372036854775809]]}')
        assert answer.status_code == 400
        assert "out of range for int64" in answer.json()["detail"]


def test_a_model_that_cannot_be_loaded_has_a_document_without_its_tensors(tmp_path: Path) -> None:
    with serve(manifest(tmp_path), ready=False) as server:
        found = server.http.get("/openapi.json").json()
        body = found["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        assert body == {"schema": {"type": "object"}}
        assert server.http.post("/predict", json={}).status_code == 503
