"""Builds examples/digits/model.onnx: a small network on scikit-learn's handwritten digits (the data is in that package).

The graph takes one image at a time, image float32 [1, 1, 8, 8] with values 0..1, and gives probabilities float32 [1, 10].
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).parent


def train() -> tuple[MLPClassifier, float]:
    """The trained network, and its accuracy on a quarter of the images that it has not seen."""
    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(images / 16, labels, random_state=0, stratify=labels)
    network = MLPClassifier(hidden_layer_sizes=(32,), max_iter=1000, random_state=0).fit(seen, seen_labels)
    return network, float(network.score(unseen, unseen_labels))


def build(network: MLPClassifier) -> onnx.ModelProto:
    """The graph of the network: Flatten, Gemm, Relu, Gemm, Softmax."""
    weights = dict(zip(("w1", "w2"), network.coefs_, strict=True)) | dict(
        zip(("b1", "b2"), network.intercepts_, strict=True)
    )
    nodes = [
        helper.make_node("Flatten", ["image"], ["pixels"]),
        helper.make_node("Gemm", ["pixels", "w1", "b1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "w2", "b2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="gpux-examples"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    trained, accuracy = train()
    onnx.save(build(trained), HERE / "model.onnx")
    print(f"wrote {HERE / 'model.onnx'}; accuracy on unseen images {accuracy:.3f}")
