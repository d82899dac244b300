"""The tiny model: x float32 [batch, 4] -> y float32 [batch, 3] through 32 hidden units, a run of a few microseconds."""

from pathlib import Path

import numpy as np

from onnxmodels import tensor

from .nodes import Nodes

ROWS = 8
"""Entries of the look-up table of `build(…, lookup=True)`."""


def build(path: Path, *, lookup: bool = False) -> Path:
    """Writes the graph with random weights.

    Args:
        path: the ONNX file.
        lookup: a second input `row` int64 [batch] chooses an offset of a table; one outside of [-8, 8) is refused by the graph
            only when it runs, which the correctness soak needs.
    """
    random = np.random.default_rng(4)
    nodes = Nodes()
    hidden = nodes.add("Gemm", "x", _weights(random, 4, 32), _weights(random, 32))
    last = "answer" if lookup else "y"
    nodes.add("Gemm", nodes.add("Relu", hidden), _weights(random, 32, 3), _weights(random, 3), output=last)
    inputs = [tensor("x", "float32", ["batch", 4])]
    if lookup:
        nodes.add("Add", last, nodes.add("Gather", _weights(random, ROWS, 3), "row"), output="y")
        inputs.append(tensor("row", "int64", ["batch"]))
    return nodes.save(path, inputs, [tensor("y", "float32", ["batch", 3])])


def _weights(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(shape[0]))
