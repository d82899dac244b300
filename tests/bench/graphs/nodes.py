"""A list of ONNX nodes that grows by one call a node."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from onnxmodels import save


class Nodes:
    """Nodes in the order they were added, with the constants that they use."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, np.ndarray] = {}

    def constant(self, value: np.ndarray) -> str:
        """The name of a new constant."""
        name = f"c{len(self._constants)}"
        self._constants[name] = value
        return name

    def add(
        self, operator: str, *inputs: str | np.ndarray | float, output: str | None = None, **attributes: Any
    ) -> str:
        """The name of the output of a new node; arrays among its inputs become constants, numbers float32 ones."""
        names = [item if isinstance(item, str) else self.constant(np.asarray(item, _dtype(item))) for item in inputs]
        output = output or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def save(self, path: Path, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]) -> Path:
        """Writes the graph; replaces the file in one step, so that two runs do not read each other's halves."""
        partial = save(path.with_suffix(".partial"), self._nodes, inputs, outputs, self._constants)
        return partial.rename(path)


def _dtype(item: np.ndarray | float) -> "np.dtype[Any]":
    return item.dtype if isinstance(item, np.ndarray) else np.dtype(np.float32)
