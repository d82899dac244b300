"""What classifiers and regressors answer, on ai.onnx.ml graphs as skl2onnx writes them, run by ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gpux_api.v1alpha1.model import OutputSpec
from gpux_api.v1alpha1.processing import PostprocessingSpec
from gpux_predictor.engine.options import Device
from gpux_predictor.engine.session import Session, run_options
from gpux_predictor.errors import InferenceFailed, LoadError
from gpux_predictor.tensors.encode import to_json
from gpux_predictor.transforms.output_roles import describe
from gpux_predictor.transforms.predictions import Predictions

X = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
IDENTITY = {"model_version": "Production", "model_run_id": "3f7a1c9d2e4b"}
PROBABILITIES = np.array([[0.58, 0.27, 0.15], [0.1, 0.2, 0.7]], np.float32)


def classifier(path: Path, classes: list[Any], *, zipmap: bool) -> Path:
    """A LinearClassifier whose probabilities are rows 0 and 2 of what is wanted, as skl2onnx names its outputs."""
    strings = isinstance(classes[0], str)
    label_type = TensorProto.STRING if strings else TensorProto.INT64
    names = {"classlabels_strings" if strings else "classlabels_ints": classes}
    weights = np.stack([PROBABILITIES[0], PROBABILITIES[0], PROBABILITIES[1]], axis=1)
    nodes = [
        helper.make_node(
            "LinearClassifier", ["X"], ["label", "scores"], domain="ai.onnx.ml",
            coefficients=weights.reshape(-1).tolist(), intercepts=[0.0] * 3, post_transform="NONE", **names,
        )
    ]  # fmt: skip
    outputs = [helper.make_tensor_value_info("output_label", label_type, [None])]
    nodes.append(helper.make_node("Identity", ["label"], ["output_label"]))
    if zipmap:
        keys = {"classlabels_strings" if strings else "classlabels_int64s": classes}
        nodes.append(helper.make_node("ZipMap", ["scores"], ["output_probability"], domain="ai.onnx.ml", **keys))
        key_type = TensorProto.STRING if strings else TensorProto.INT64
        maps = helper.make_map_type_proto(key_type, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        outputs.append(helper.make_value_info("output_probability", helper.make_sequence_type_proto(maps)))
    else:
        nodes.append(helper.make_node("Identity", ["scores"], ["probabilities"]))
        outputs.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3]))
    return save(path, nodes, outputs)


def save(path: Path, nodes: list[Any], outputs: list[Any]) -> Path:
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(
        helper.make_model(helper.make_graph(nodes, "g", inputs, outputs), opset_imports=opsets, ir_version=9), path
    )
    return path


def answers(file: Path, outputs: list[OutputSpec] | None = None, x: np.ndarray = X) -> list[dict[str, Any]]:
    session = Session(file, "cpu", Device())
    found = session.run([tensor.name for tensor in session.signature.outputs], {"X": x}, run_options())
    return Predictions(session.signature, outputs).answers(found, len(x), "Production", "3f7a1c9d2e4b")


@pytest.mark.parametrize("zipmap", [True, False])
def test_the_documents_answer(tmp_path: Path, zipmap: bool) -> None:
    found = answers(classifier(tmp_path / "m.onnx", [0, 1, 2], zipmap=zipmap))
    assert to_json({"prediction": found[0]}) == (
        b'{"prediction":{"predicted_class":0,"probabilities":{"0":0.58,"1":0.27,"2":0.15},'
        b'"model_version":"Production","model_run_id":"3f7a1c9d2e4b"}}'
    )
    assert found[1]["predicted_class"] == 2
    assert len(found) == 2


def test_string_classes(tmp_path: Path) -> None:
    [home, away] = answers(classifier(tmp_path / "m.onnx", ["home", "draw", "away"], zipmap=True))
    assert (home["predicted_class"], away["predicted_class"]) == ("home", "away")
    assert {key: round(float(value), 2) for key, value in home["probabilities"].items()} == {
        "home": 0.58,
        "draw": 0.27,
        "away": 0.15,
    }
    [row, _] = answers(classifier(tmp_path / "n.onnx", ["home", "draw", "away"], zipmap=False))
    assert row["predicted_class"] == "home"
    assert list(row["probabilities"]) == ["0", "1", "2"]


def test_declared_labels(tmp_path: Path) -> None:
    labels = OutputSpec(name="probabilities", labels=["home", "draw", "away"])
    [home, away] = answers(classifier(tmp_path / "m.onnx", [0, 1, 2], zipmap=False), [labels])
    assert (home["predicted_class"], away["predicted_class"]) == ("home", "away")
    assert list(home["probabilities"]) == ["home", "draw", "away"]


def regression(path: Path, targets: int, names: list[str]) -> Path:
    node = helper.make_node(
        "LinearRegressor", ["X"], ["y"], domain="ai.onnx.ml",
        coefficients=[float(i) for i in range(3 * targets)], intercepts=[0.5] * targets, targets=targets,
    )  # fmt: skip
    copies = [helper.make_node("Identity", ["y"], [name]) for name in names]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, targets]) for name in names]
    return save(path, [node, *copies], outputs)


def test_regressors(tmp_path: Path) -> None:
    one = answers(regression(tmp_path / "m.onnx", 1, ["variable"]))
    assert one == [{"predicted_value": 0.5} | IDENTITY, {"predicted_value": 2.5} | IDENTITY]
    [two, _] = answers(regression(tmp_path / "m.onnx", 2, ["variable"]))
    assert np.array(two["predicted_value"]).tolist() == [0.5, 3.5]
    [several, _] = answers(regression(tmp_path / "m.onnx", 1, ["low", "high"]))
    assert several == {"predicted_values": {"low": 0.5, "high": 0.5}} | IDENTITY


def test_probabilities_without_a_label(tmp_path: Path, make_signature: Any) -> None:
    signature = make_signature(outputs=[("probabilities", "float32", (None, 3))])
    [first, second] = Predictions(signature).answers({"probabilities": PROBABILITIES}, 2, None, None)
    assert (first["predicted_class"], second["predicted_class"]) == (0, 2)
    assert first["model_version"] is None


def test_a_label_alone(make_signature: Any) -> None:
    signature = make_signature(outputs=[("label", "int64", (None, 1)), ("scores", "float32", (None, 1))])
    outputs = {"label": np.array([[1], [-1]]), "scores": np.zeros((2, 1), np.float32)}
    found = Predictions(signature).answers(outputs, 2, "1", "r")
    assert [row["predicted_class"] for row in found] == [1, -1]
    assert "probabilities" not in found[0]


def predict(signature: Any, outputs: dict[str, Any], count: int, **spec: Any) -> list[dict[str, Any]]:
    """Predictions without who answered."""
    declared = [OutputSpec(name=name, labels=labels) for name, labels in spec.items()]
    rows = Predictions(signature, declared).answers(outputs, count, None, None)
    return [{key: value for key, value in row.items() if not key.startswith("model_")} for row in rows]


LABEL, TENSOR = ("label", "int64", (None,)), ("probabilities", "float32", (None, 3))


def test_names_of_classes_and_the_graphs_label(make_signature: Any) -> None:
    """A label that is among the declared names stands; other labels have other names, which the likeliest column tells."""
    signature = make_signature(outputs=[LABEL, TENSOR])
    outputs = {"label": np.array([5, 7]), "probabilities": PROBABILITIES}  # 5 is not the likeliest
    same = predict(signature, outputs, 2, probabilities=["3", "5", "7"])
    assert [row["predicted_class"] for row in same] == [5, 7]
    other = predict(signature, outputs, 2, probabilities=["home", "draw", "away"])
    assert [row["predicted_class"] for row in other] == ["home", "away"]
    assert [row["predicted_class"] for row in predict(signature, outputs, 2)] == [5, 7]


def test_classes_as_an_output(make_signature: Any) -> None:
    signature = make_signature(outputs=[LABEL, TENSOR, ("class_labels", "int64", (3,))])
    outputs = {"label": np.array([3, 7]), "probabilities": PROBABILITIES, "class_labels": np.array([3, 5, 7])}
    assert list(predict(signature, outputs, 2)[0]["probabilities"]) == ["3", "5", "7"]
    assert list(predict(signature, outputs, 2, probabilities=["a", "b", "c"])[1]["probabilities"]) == ["a", "b", "c"]


def test_maps_without_a_label(make_signature: Any) -> None:
    signature = make_signature(outputs=[("output_probability", "object", ())])
    maps = [{3: 0.25, 5: 0.75}]
    assert predict(signature, {"output_probability": maps}, 1) == [
        {"predicted_class": 5, "probabilities": {"3": 0.25, "5": 0.75}}
    ]


def test_columns_are_classes_only_where_all_are(make_signature: Any) -> None:
    one, other = np.array([0.25]), np.array([0.75])
    classes = make_signature(
        outputs=[("output_label", "string", (None,)), ("sno", "float32", (None,)), ("syes", "float32", (None,))]
    )
    found = predict(classes, {"output_label": np.array(["yes"], object), "sno": one, "syes": other}, 1)
    assert found == [{"predicted_class": "yes", "probabilities": {"no": 0.25, "yes": 0.75}}]
    names = [("label", "string", (None,)), ("score", "float32", (None,)), ("std", "float32", (None,))]
    found = predict(make_signature(outputs=names), {"label": np.array(["a"], object), "score": one, "std": other}, 1)
    assert found == [{"predicted_class": "a", "score": 0.25, "std": 0.75}]


def test_whole_numbers_that_are_no_labels(make_signature: Any) -> None:
    signature = make_signature(outputs=[("ranking", "int64", (None, 3)), TENSOR])
    ranking = np.array([[0, 1, 2], [2, 1, 0]])
    [row, _] = predict(signature, {"ranking": ranking, "probabilities": PROBABILITIES}, 2)
    assert (row["predicted_class"], row["ranking"].tolist()) == (0, [0, 1, 2])


def test_outputs_without_rows(make_signature: Any) -> None:
    """Of one entity they are its own; of several they are nobody's."""
    signature = make_signature(outputs=[("y", "float32", (None, 1)), ("total", "float32", ())])
    outputs = {"y": np.array([[1.5]]), "total": np.float32(2)}
    assert predict(signature, outputs, 1) == [{"predicted_values": {"y": 1.5, "total": 2}}]
    with pytest.raises(InferenceFailed, match="'total' has no value for each of 2 entities: declare .*batchAxis: none"):
        predict(signature, outputs | {"y": np.array([[1.5], [2.5]])}, 2)


def test_steps_before_predictions(make_signature: Any) -> None:
    """A network ends in logits: a softmax under a name with "prob" makes it a classifier."""
    signature = make_signature(outputs=[("logits", "float32", (None, 3)), ("spread", "float32", (None, 1))])
    outputs = {"logits": np.log(PROBABILITIES), "spread": np.zeros((2, 1), np.float32)}
    steps = [
        {"output": "logits", "activation": "softmax", "name": "probabilities"},
        {"output": "spread", "activation": "sigmoid"},
    ]
    post = PostprocessingSpec.model_validate({"outputs": steps})
    labels = [OutputSpec(name="logits", labels=["home", "draw", "away"])]
    [row, _] = Predictions(signature, labels, post).answers(outputs, 2, None, None)
    assert (row["predicted_class"], row["spread"]) == ("home", 0.5)
    assert row["probabilities"] == pytest.approx({"home": 0.58, "draw": 0.27, "away": 0.15})
    for step in ({"argmax": True}, {"topK": 2}, {"pooling": "mean"}):
        wrong = PostprocessingSpec.model_validate({"outputs": [{"output": "probabilities", **step}]})
        with pytest.raises(LoadError, match="'probabilities': predictions of preprocessing.tabular take no pooling"):
            Predictions(make_signature(outputs=[("probabilities", "float32", ())]), None, wrong)


@pytest.mark.parametrize(
    ("outputs", "values", "message"),
    [
        ([LABEL, ("p", "object", ())], [np.ones((1, 2)), np.ones((1, 2))], "'p' is no map of classes for each row"),
        ([("label", "int64", (None, 2)), ("p", "object", ())], [{0: 1.0}], "'p' is no tensor of probabilities for each target"),
        ([LABEL, ("p", "float32", (None, None))], np.ones((1, 3)), "'p' has 3 columns for 2 classes"),
    ],
)  # fmt: skip
def test_outputs_that_are_not_what_they_promise(make_signature: Any, outputs: Any, values: Any, message: str) -> None:
    labels = {"p": ["no", "yes"]} if isinstance(values, np.ndarray) else {}
    with pytest.raises(InferenceFailed, match=message):
        predict(
            make_signature(outputs=outputs), {"label": np.zeros((1, *outputs[0][2][1:]), int), "p": values}, 1, **labels
        )


TOLD = {"keys": "classes of the graph"}
CLASSES = ("class_labels", "int64", (3,))
COLUMNS = [("output_label", "int64", (None,)), ("i1", "float32", (None,)), ("i2", "float32", (None,))]


@pytest.mark.parametrize(
    ("outputs", "described"),
    [
        ([LABEL, ("p", "object", ())], {"predicted_class": "label", "probabilities": "p"} | TOLD),
        ([TENSOR, CLASSES], {"predicted_class": "the likeliest", "probabilities": "probabilities"} | TOLD),
        (COLUMNS, {"predicted_class": "output_label", "probabilities": ["i1", "i2"]} | TOLD),
        ([LABEL, ("scores", "float32", (None, 3))], {"predicted_class": "label", "beside": ["scores"]}),
        ([("variable", "float32", (None, 1))], {"predicted_value": ["variable"]}),
    ],
    ids=["maps", "classes", "columns", "scores", "regression"],
)
def test_description(make_signature: Any, outputs: Any, described: Any) -> None:
    assert describe(make_signature(outputs=outputs), []) == described


def test_the_description_says_how_to_name_columns(make_signature: Any) -> None:
    keys = describe(make_signature(outputs=[LABEL, TENSOR]), [])["keys"]
    assert "write labels of 'probabilities' into spec.outputs" in str(keys)
    assert describe(make_signature(outputs=[LABEL, TENSOR]), ["probabilities"])["keys"] == "labels of spec.outputs"
