"""Builds examples/digits-image/model.onnx: the network of examples/digits, for image files and batches of them.

The graph stops at the logits: the manifest decodes and resizes the image before it, and makes probabilities with labels after it.
"""

from pathlib import Path

import onnx
from examples.builders.digits import graph, train
from sklearn.neural_network import MLPClassifier

FILE = Path(__file__).parents[1] / "digits-image" / "model.onnx"


def build(network: MLPClassifier) -> onnx.ModelProto:
    """The graph: image float32 [batch, 1, 8, 8] -> logits float32 [batch, 10]."""
    return graph(network, "batch", "logits")


if __name__ == "__main__":
    trained, accuracy = train()
    onnx.save(build(trained), FILE)
    print(f"wrote {FILE}; accuracy on unseen images {accuracy:.3f}")
