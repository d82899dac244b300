"""Builds examples/same-digit/model.onnx: whether two pictures show the same digit, a graph with two inputs.

Two towers with the weights of one network, that of examples/digits; what they say is multiplied:

    same = sum over digits of p(digit | first) * p(digit | second)

The data is scikit-learn's handwritten digits.
"""

from pathlib import Path

import numpy as np
import onnx
from examples.builders.digits import train
from examples.builders.finished import finished
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

FILE = Path(__file__).parents[1] / "same-digit" / "model.onnx"


def tower(image: str) -> list[onnx.NodeProto]:
    """Image float32 [batch, 1, 8, 8] -> `<image>_digits` float32 [batch, 10], by the weights that both towers share."""
    return [
        helper.make_node("Flatten", [image], [f"{image}_pixels"]),
        helper.make_node("Gemm", [f"{image}_pixels", "w1", "b1"], [f"{image}_hidden"]),
        helper.make_node("Relu", [f"{image}_hidden"], [f"{image}_active"]),
        helper.make_node("Gemm", [f"{image}_active", "w2", "b2"], [f"{image}_logits"]),
        helper.make_node("Softmax", [f"{image}_logits"], [f"{image}_digits"], axis=1),
    ]


def build(network: MLPClassifier) -> onnx.ModelProto:
    """The graph: first, second float32 [batch, 1, 8, 8] -> same float32 [batch]."""
    weights = {"w1": network.coefs_[0], "w2": network.coefs_[1]}
    weights |= {"b1": network.intercepts_[0], "b2": network.intercepts_[1]}
    nodes = [
        *tower("first"),
        *tower("second"),
        helper.make_node("Mul", ["first_digits", "second_digits"], ["both"]),
        helper.make_node("ReduceSum", ["both", "digits"], ["same"], keepdims=0),
    ]
    initializers = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    return finished(
        helper.make_graph(
            nodes,
            "same-digit",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 1, 8, 8]) for n in ("first", "second")],
            [helper.make_tensor_value_info("same", TensorProto.FLOAT, ["batch"])],
            [*initializers, numpy_helper.from_array(np.array([1], np.int64), "digits")],
        )
    )


if __name__ == "__main__":
    trained, _ = train()
    onnx.save(build(trained), FILE)
    print(f"wrote {FILE}")
