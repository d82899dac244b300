"""A graph as `gpux serve` 0.1.1 needs it: doubles instead of floats, and inputs without a declared shape.

It makes doubles of every JSON fraction and passes them on, and where a dimension varies its check of the shape breaks.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def adapted(file: Path) -> Path:
    """The graph without the shapes of its inputs, and a Cast behind each float input, in a file beside it."""
    model = onnx.load(file)
    casts = []
    for item in model.graph.input:
        described = item.type.tensor_type
        described.ClearField("shape")
        if described.elem_type == TensorProto.FLOAT:
            described.elem_type = TensorProto.DOUBLE
            inner = f"{item.name}_float"
            _rename(model.graph, item.name, inner)
            casts.append(helper.make_node("Cast", [item.name], [inner], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    target = file.with_stem(f"{file.stem}-gpux")
    onnx.save(model, target)
    return target


def _rename(graph: onnx.GraphProto, before: str, after: str) -> None:
    for node in graph.node:
        node.input[:] = [after if name == before else name for name in node.input]
