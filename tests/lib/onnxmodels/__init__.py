"""Small ONNX graphs for tests, made when they are needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

Dims = Sequence[int | str | None]
TYPES = {
    "float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16, "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE,
    "int8": TensorProto.INT8, "int16": TensorProto.INT16, "int32": TensorProto.INT32, "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8, "uint16": TensorProto.UINT16, "uint32": TensorProto.UINT32, "uint64": TensorProto.UINT64,
    "bool": TensorProto.BOOL, "string": TensorProto.STRING,
}  # fmt: skip


def tensor(name: str, dtype: str, shape: Sequence[Any] | None) -> onnx.ValueInfoProto:
    """A declared input or output; shape None says nothing about the shape."""
    return helper.make_tensor_value_info(name, TYPES[dtype], shape)


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: dict[str, Any] | None = None,
) -> Path:
    """Writes the graph to `path`, with constants as initializers."""
    initializers = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "test", list(inputs), list(outputs), initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def identity(path: Path, dtype: str = "float32", shape: Dims | None = ("batch", 2)) -> Path:
    """x -> y, the same."""
    node = helper.make_node("Identity", ["x"], ["y"])
    return save(path, [node], [tensor("x", dtype, shape)], [tensor("y", dtype, shape)])


def several(path: Path) -> Path:
    """a, b float32 [batch, 3] and words string [batch] -> sum = a + b, product = a * b, and said = words."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Mul", ["a", "b"], ["product"]),
        helper.make_node("Identity", ["words"], ["said"]),
    ]
    a, b, total, product = (tensor(name, "float32", ["batch", 3]) for name in ("a", "b", "sum", "product"))
    words, said = (tensor(name, "string", ["batch"]) for name in ("words", "said"))
    return save(path, nodes, [a, b, words], [total, product, said])


def classifier(path: Path) -> Path:
    """X float32 [N, 2] -> label int64 [N] and probabilities float32 [N, 2], by softmax."""
    nodes = [
        helper.make_node("Softmax", ["X"], ["probabilities"]),
        helper.make_node("ArgMax", ["X"], ["label"], axis=1, keepdims=0),
    ]
    outputs = [tensor("label", "int64", ["N"]), tensor("probabilities", "float32", ["N", 2])]
    return save(path, nodes, [tensor("X", "float32", ["N", 2])], outputs)


def slow(path: Path, iterations: int | None) -> Path:
    """x float32 [2] -> y float32 [2]: a loop that takes about a microsecond an iteration and can be stopped.

    With None the iterations are another input, `count` int64 [1].
    """
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["go_on_out"]), helper.make_node("Sin", ["state"], ["state_out"])],
        "body",
        [tensor("i", "int64", []), tensor("go_on", "bool", []), tensor("state", "float32", [2])],
        [tensor("go_on_out", "bool", []), tensor("state_out", "float32", [2])],
    )
    loop = helper.make_node("Loop", ["count", "yes", "x"], ["y"], body=body)
    constants = {"yes": _scalar(True, "bool")}
    inputs = [tensor("x", "float32", [2])]
    if iterations is None:
        inputs.append(tensor("count", "int64", [1]))
    else:
        constants["count"] = _scalar(iterations, "int64")
    return save(path, [loop], inputs, [tensor("y", "float32", [2])], constants)


def _scalar(value: Any, dtype: str) -> Any:
    return numpy_helper.to_array(helper.make_tensor("c", TYPES[dtype], [], [value]))
