"""Builds examples/match-outcome/model.onnx: the outcome of a football match by softmax regression.

Nothing is trained: the weights are chosen by hand, and the bias so that the request of the prediction API's document gets the
answer that the document shows. The signs are plausible (a stronger home side wins more), the sizes are not measured.

    probabilities = softmax(log(EXPECTED) + (x - ROW) W)      x float32 [batch, 4], computed in float64
    label         = argmax(probabilities)                     0 home win, 1 draw, 2 away win

The outputs are those of a scikit-learn classifier that skl2onnx converted without ZipMap.
"""

from pathlib import Path

import numpy as np
import onnx
from examples.builders.finished import finished
from onnx import TensorProto, helper, numpy_helper

ROW = (0.3, 0.6, 1520.0, 0.0)
"""The document's features: diff_win_5_mean, diff_goals_for_3_mean, home_elo_pre, sex."""
EXPECTED = (0.58, 0.27, 0.15)
"""The document's probabilities of that row."""
WEIGHTS = ((1.2, 0.0, -1.2), (0.35, 0.0, -0.35), (0.002, 0.0, -0.002), (0.05, -0.1, 0.05))
"""For each feature the change of the log-odds of home win, draw and away win."""
FILE = Path(__file__).parents[1] / "match-outcome" / "model.onnx"


def build() -> onnx.ModelProto:
    """The graph: X float32 [batch, 4] -> label int64 [batch], probabilities float32 [batch, 3]."""
    constants = {
        "row": np.array(ROW, np.float32).astype(np.float64),  # as a request's numbers arrive
        "expected": np.array(EXPECTED),
        "weights": np.array(WEIGHTS),
    }
    nodes = [
        helper.make_node("Cast", ["X"], ["X64"], to=TensorProto.DOUBLE),
        helper.make_node("Sub", ["X64", "row"], ["difference"]),
        helper.make_node("MatMul", ["difference", "weights"], ["change"]),
        helper.make_node("Log", ["expected"], ["bias"]),
        helper.make_node("Add", ["change", "bias"], ["logits"]),
        helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
        helper.make_node("Softmax", ["logits"], ["probabilities64"], axis=1),
        helper.make_node("Cast", ["probabilities64"], ["probabilities"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes,
        "match-outcome",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["batch", 4])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return finished(graph)


if __name__ == "__main__":
    onnx.save(build(), FILE)
    print(f"wrote {FILE}")
