"""What classifiers and regressors answer, on ai.onnx.ml graphs as skl2onnx writes them, run by ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gpux_api.v1alpha1.model import OutputSpec
from gpux_predictor.engine.options import Device
from gpux_predictor.engine.session import Session, run_options
from gpux_predictor.tensors.encode import to_json
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
