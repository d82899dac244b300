"""The document of models of all kinds: valid OpenAPI 3.1, and schemas that take what the model takes and nothing else."""

from collections.abc import Callable
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.openapi.document import document
from gpux_predictor.openapi.graph import Graph
from gpux_predictor.tensors import batch_axis
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES
from gpux_predictor.tensors.signature import Dim, Signature, Tensor

MakeModel = Callable[..., GpuxModel]
TYPES = {element.name: element for element in ELEMENT_TYPES}


def tensors(*described: tuple[str, str, tuple[Dim, ...]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, TYPES[dtype], shape) for name, dtype, shape in described)


def graph(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...] = ()) -> Graph:
    signature = Signature(inputs, outputs or tensors(("y", "float32", ("batch", 2))))
    return Graph(signature, batch_axis.find(signature))


def media(found: dict[str, Any], path: str = "/predict") -> dict[str, Any]:
    content: dict[str, Any] = found["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return content


def takes(found: dict[str, Any], value: object, path: str = "/predict") -> bool:
    return valid(found, media(found, path)["schema"], value)


def answers(found: dict[str, Any], value: object) -> bool:
    schema = found["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    return valid(found, schema, value)


def valid(found: dict[str, Any], schema: dict[str, Any], value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema | {"components": found["components"]}).is_valid(value))


@pytest.mark.parametrize(
    ("inputs", "right", "wrong"),
    [
        ([("x", "float32", ("batch", 2))], [[[1, 2.5]], [1, 2], [[1, 2]] * 3], [1, "a", [], [1], [[1, 2, 3]], [[True, 1]], [[1e39, 0]]]),
        ([("x", "int8", (None, 2))], [[127, -128]], [[128, 0], [1.5, 2], [None, 1]]),
        ([("x", "uint64", ("batch",))], [2**64 - 1, [0]], [2**64, -1, [[1]]]),
        ([("x", "bool", ("batch",))], [True, [False, 1]], [2, ["a"]]),
        ([("x", "string", ("batch",))], ["a", ["a", "b"]], [1, [], [["a"]]]),
        ([("x", "float32", (None, 1))], [1, [1], [1, 2], [[1], [2]]], [[], [[1, 2]]]),
        ([("x", "float32", (1, 2))], [[[1, 2]], [1, 2]], [[[1, 2]] * 2, 1]),
        ([("x", "float32", ())], [1, [1], [[1]]], ["a", []]),
    ],
)  # fmt: skip
def test_one_input(make_model: MakeModel, inputs: list[Any], right: list[Any], wrong: list[Any]) -> None:
    found = document(make_model(), graph(tensors(*inputs)))
    assert [value for value in right if not takes(found, {"x": value})] == []
    assert [value for value in wrong if takes(found, {"x": value})] == []
    assert not takes(found, {})
    assert not takes(found, {"x": right[0], "z": right[0]})


def test_several_inputs(make_model: MakeModel) -> None:
    found = document(make_model(), graph(tensors(("a", "float32", ("batch", 2)), ("words", "string", ("batch",)))))
    assert takes(found, {"a": [1, 2], "words": "x"})
    assert takes(found, {"a": [[1, 2], [3, 4]], "words": ["x", "y"]})
    assert takes(found, {"a": [[1, 2]], "words": "x"})
    assert not takes(found, {"a": [[1, 2], [3, 4]], "words": "x"})


def test_features(make_model: MakeModel) -> None:
    tabular = {"entityKey": "match_id", "features": ["a", "b"], "defaults": {"b": 1.5}}
    outputs = tensors(("label", "int64", ("N",)), ("probabilities", "float32", ("N", 2)))
    model = make_model(preprocessing={"tabular": tabular})
    found = document(model, graph(tensors(("X", "float32", ("N", 2))), outputs))
    assert media(found)["example"] == {"match_id": 1, "features": {"a": 1, "b": 1}}
    assert takes(found, {"match_id": 99, "features": {"a": 1.5, "b": None}})
    assert takes(found, [{"match_id": "x", "features": {"a": 1}}])
    assert takes(found, {"X": [[1, 2]]})
    assert not takes(found, {"match_id": 99, "features": {"b": 1}})
    assert not takes(found, {"match_id": 99, "features": {"a": None}})
    assert not takes(found, {"match_id": True, "features": {"a": 1}})
    row = {"predicted_class": 1, "probabilities": {"0": 0.4, "1": 0.6}, "model_version": None, "model_run_id": "r"}
    assert answers(found, {"match_id": 99, "prediction": row})
    assert not answers(found, {"match_id": 99, "prediction": row | {"predicted_class": 1.5}})


def test_features_with_an_input_each(make_model: MakeModel) -> None:
    tabular = {"entityKey": "id", "features": ["cup", "home", "elo"], "missing": "nan"}
    inputs = tensors(("elo", "float32", (None, 1)), ("home", "string", (None, 1)), ("cup", "bool", (None, 1)))
    found = document(make_model(preprocessing={"tabular": tabular}), graph(inputs))
    assert media(found)["example"] == {"id": 1, "features": {"cup": True, "home": "text", "elo": 1}}
    assert takes(found, {"id": 1, "features": {"cup": False, "home": "Arsenal"}})
    assert takes(found, {"elo": [1.5], "home": "Arsenal", "cup": True})
    assert not takes(found, {"id": 1, "features": {"cup": False, "home": 5}})
    assert not takes(found, {"id": 1, "features": {"cup": False, "home": None}})
    assert not takes(found, {"id": 1, "features": {"cup": 2, "home": "Arsenal"}})


@pytest.mark.parametrize(
    ("outputs", "right", "wrong"),
    [
        (
            [("label", "int64", ("N", 2)), ("probabilities", "object", ())],
            {"predicted_class": [1, 0], "probabilities": [{"0": 0.5, "1": 0.5}, {"0": 1}]},
            {"predicted_class": 1, "probabilities": [{"0": 1}]},
        ),
        (
            [("label", "string", ("N", 2)), ("probabilities", "float32", (2, "N", 3))],
            {"predicted_class": ["a", "b"], "probabilities": [{"0": 0.5}]},
            {"predicted_class": "a", "probabilities": [{"0": 0.5}]},
        ),
        (
            [("label", "int64", ("N",)), ("probabilities", "float32", ("N", 3)), ("class_labels", "int64", (3,))],
            {"predicted_class": 7, "probabilities": {"3": 0.5, "5": 0.25, "7": 0.25}},
            {"predicted_class": 7, "probabilities": {"3": 0.5}, "class_labels": [3, 5, 7]},
        ),
        (
            [("output_label", "int64", ("N",)), ("i3", "float32", ("N",)), ("i5", "float32", ("N",))],
            {"predicted_class": 5, "probabilities": {"3": 0.25, "5": 0.75}},
            {"predicted_class": 5, "i3": 0.25, "i5": 0.75},
        ),
        (
            [("label", "int64", ("N", 1)), ("scores", "float32", ("N", 1))],
            {"predicted_class": -1, "scores": -0.1},
            {"predicted_class": -1},
        ),
        (
            [("label", "int64", ("N", 2)), ("probabilities", "float32", ("N", 4))],
            {"predicted_values": {"label": [0, 1], "probabilities": [0.5, 0.5, 0.25, None]}},
            {"predicted_values": {"label": 1, "probabilities": [0.5, 0.5, 0.25, None]}},
        ),
    ],
    ids=["targets", "one tensor of targets", "classes", "columns", "anomalies", "labels"],
)
def test_answers_of_classifiers(make_model: MakeModel, outputs: Any, right: Any, wrong: Any) -> None:
    given = tuple(Tensor(name, TYPES.get(dtype), shape) for name, dtype, shape in outputs)
    found = document(
        make_model(preprocessing={"tabular": {"features": ["a", "b"]}}),
        graph(tensors(("X", "float32", ("N", 2))), given),
    )
    of = {"model_version": "1", "model_run_id": None}
    assert answers(found, {"id": 1, "prediction": right | of})
    assert answers(found, [{"id": 1, "prediction": right | of}])
    assert not answers(found, {"id": 1, "prediction": wrong | of})


def test_a_prediction_after_a_softmax(make_model: MakeModel) -> None:
    model = make_model(
        preprocessing={"tabular": {"features": ["a", "b"]}},
        postprocessing={"outputs": [{"output": "y", "activation": "softmax", "name": "probabilities"}]},
    )
    found = document(model, graph(tensors(("X", "float32", ("batch", 2)))))
    row = {"predicted_class": 1, "probabilities": {"0": 0.4, "1": 0.6}, "model_version": None, "model_run_id": None}
    assert answers(found, {"id": 1, "prediction": row})
    assert answers(found, {"probabilities": [0.4, 0.6]})
    assert not answers(found, {"y": [0.4, 0.6]})


def test_images(make_model: MakeModel) -> None:
    model = make_model(preprocessing={"image": {"input": "image", "resize": [8, 8]}})
    found = document(model, graph(tensors(("pixels", "float32", ("batch", 3, 8, 8)))))
    assert takes(found, media(found)["example"])
    assert takes(found, {"image": [[[0, 128, 255]]]})
    assert takes(found, {"image": [{"b64": "aGk="}, "aGk="]})
    assert not takes(found, {"image": [[[0, 128, 256]]]})
    content = found["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data", "image/jpeg", "image/png", "image/webp"}


def test_steps_on_outputs(make_model: MakeModel) -> None:
    model = make_model(
        outputs=[{"name": "y", "labels": ["no", "yes"]}],
        postprocessing={"outputs": [{"output": "y", "activation": "softmax", "topK": 1, "name": "top"}]},
    )
    found = document(model, graph(tensors(("x", "float32", ("batch", 2)))))
    assert answers(found, {"top": [{"label": "yes", "score": 0.75}]})
    assert answers(found, {"top": [[{"label": "yes", "score": 0.75}]] * 3})
    assert not answers(found, {"top": [{"label": "maybe", "score": 0.75}]})
    assert not answers(found, {"y": [0.5, 0.5]})


def test_labels_alone_and_argmax(make_model: MakeModel) -> None:
    inputs = tensors(("x", "float32", ("batch", 2)))
    labelled = document(make_model(outputs=[{"name": "y", "labels": ["no", "yes"]}]), graph(inputs))
    assert answers(labelled, {"y": {"no": 0.25, "yes": None}})
    largest = document(make_model(postprocessing={"outputs": [{"output": "y", "argmax": True}]}), graph(inputs))
    assert answers(largest, {"y": [1, 0]})
    assert answers(largest, {"y": 1})
    assert not answers(largest, {"y": [0.5]})


def test_the_first_sample_is_the_example(make_model: MakeModel) -> None:
    sample = {"request": {"x": [3, 4]}, "response": {"y": [3, 4]}}
    found = document(make_model(samples=[sample]), graph(tensors(("x", "float32", ("batch", 2)))))
    assert media(found)["example"] == {"x": [3, 4]}
    answer = found["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]
    assert answer["example"] == {"y": [3, 4]}


def test_a_large_tensor_has_no_example(make_model: MakeModel) -> None:
    found = document(make_model(), graph(tensors(("x", "float32", ("batch", 3, 224, 224)))))
    assert not any("example" in media(found, path) for path in ("/predict", "/v1/models/test:predict"))


def test_before_the_model_is_loaded_nothing_is_said_of_its_tensors(make_model: MakeModel) -> None:
    found = document(make_model(), None)
    for path in ("/predict", "/v1/models/test:predict", "/v2/models/test/infer"):
        assert media(found, path) == {"schema": {"type": "object"}}
        assert "503" in found["paths"][path]["post"]["responses"]


def test_a_callback_is_taken_only_where_the_manifest_has_callbacks(make_model: MakeModel) -> None:
    for spec, told in (({}, False), ({"callbacks": {"secretRef": {"name": "webhooks"}}}, True)):
        operation = document(make_model(**{"async": spec}), None)["paths"]["/predict/async"]["post"]
        assert [item["name"] for item in operation["parameters"]] == [
            "Idempotency-Key",
            *(["callback_url"] if told else []),
        ]


def test_no_tensor_is_asked_for_twice(make_model: MakeModel) -> None:
    found = document(make_model(), graph(tensors(("x", "float32", ("batch", 2)), ("z", "float32", ("batch", 2)))))
    path = "/v2/models/test/infer"
    body = media(found, path)["example"]
    assert takes(found, body | {"outputs": [{"name": "y"}]}, path)
    assert not takes(found, body | {"outputs": [{"name": "y"}, {"name": "y"}]}, path)
    assert not takes(found, {"inputs": [body["inputs"][0]] * 2}, path)


@pytest.mark.parametrize(("version", "right", "wrong"), [("7", ["7"], []), (None, [], ["7"])])
def test_the_versions_of_the_model(
    make_model: MakeModel, version: str | None, right: list[str], wrong: list[str]
) -> None:
    found = document(make_model(model={"source": {"uri": "file:///m"}, "version": version}), None)
    path = found["paths"]["/v2/models/test"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    for versions, taken in ((right, True), (wrong, False)):
        assert jsonschema.Draft202012Validator(path["properties"]["versions"]).is_valid(versions) is taken


@pytest.mark.parametrize(
    ("dtype", "spec", "default"),
    [
        ("float32", {"defaults": {"a": 2}}, 2.0),
        ("int64", {"defaults": {"a": 2}}, 2),
        ("float32", {"missing": "nan"}, None),
    ],
)
def test_what_a_feature_is_where_it_is_absent(make_model: MakeModel, dtype: str, spec: Any, default: object) -> None:
    tabular = {"entityKey": "id", "features": ["a"], **spec}
    found = document(make_model(preprocessing={"tabular": tabular}), graph(tensors(("X", dtype, ("N", 1)))))
    feature = found["components"]["schemas"]["OneEntity"]["properties"]["features"]["properties"]["a"]
    assert (feature["default"], type(feature["default"])) == (default, type(default))
