"""Builds examples/digits/model.onnx: a small network on scikit-learn's handwritten digits (the data is in that package).

The graph takes one image at a time, image float32 [1, 1, 8, 8] with values 0..1, and gives probabilities float32 [1, 10].
"""

from pathlib import Path

import numpy as np
import onnx
from examples.builders.finished import finished
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

FILE = Path(__file__).parents[1] / "digits" / "model.onnx"


def train() -> tuple[MLPClassifier, float]:
    """The trained network, and its accuracy on a quarter of the images that it has not seen."""
    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(images / 16, labels, random_state=0, stratify=labels)
    network = MLPClassifier(hidden_layer_sizes=(32,), max_iter=1000, random_state=0).fit(seen, seen_labels)
    return network, float(network.score(unseen, unseen_labels))


def graph(network: MLPClassifier, batch: int | str, output: str) -> onnx.ModelProto:
    """The graph of the network up to `output`: Flatten, Gemm, Relu, Gemm, Softmax.

    Args:
        network: from `train`.
        batch: the first dimension of image float32 [batch, 1, 8, 8].
        output: "probabilities" or, without the Softmax, "logits"; float32 [batch, 10].
    """
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
    return finished(
        helper.make_graph(
            nodes if output == "probabilities" else nodes[:-1],
            "digits",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 1, 8, 8])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, 10])],
            [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
        )
    )


def build(network: MLPClassifier) -> onnx.ModelProto:
    """The graph: image float32 [1, 1, 8, 8] -> probabilities float32 [1, 10]."""
    return graph(network, 1, "probabilities")


if __name__ == "__main__":
    trained, accuracy = train()
    onnx.save(build(trained), FILE)
    print(f"wrote {FILE}; accuracy on unseen images {accuracy:.3f}")
