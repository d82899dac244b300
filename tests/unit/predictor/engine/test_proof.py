"""Graphs on which assuming a batch axis gives wrong answers, and graphs on which it does not."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import onnxmodels
from gpux_predictor.serving.loading import LoadedModel

Load = Callable[..., LoadedModel]
Io = tuple[str, str, Sequence[int | str | None] | None]
node = helper.make_node
RANDOM = np.random.default_rng(1)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


X2: list[Io] = [("x", "float32", ["n", 2])]
Y2: list[Io] = [("y", "float32", ["n", 2])]
Graph = tuple[list[onnx.NodeProto], list[Io], list[Io], dict[str, np.ndarray]]


def over_batch(*nodes: onnx.NodeProto, **constants: np.ndarray) -> Graph:
    """A graph of x [n, 2] to y, whose constants may be named zero, axes and limit."""
    return list(nodes), X2, Y2, constants


WRONG: dict[str, Graph] = {
    "mean over the batch": over_batch(
        node("ReduceMean", ["x", "axes"], ["m"], keepdims=1), node("Sub", ["x", "m"], ["y"]), axes=whole(0)
    ),
    "a tiny mean over the batch": over_batch(
        node("ReduceMean", ["x", "axes"], ["m"], keepdims=1),
        node("Add", ["x", "m"], ["d"]),
        node("Mul", ["d", "tiny"], ["y"]),
        axes=whole(0),
        tiny=np.array(1e-12, np.float32),
    ),
    "softmax over the batch": over_batch(node("Softmax", ["x"], ["y"], axis=0)),
    "cumsum over the batch": over_batch(node("CumSum", ["x", "axis"], ["y"]), axis=np.array(0, np.int64)),
    "rows reversed": over_batch(
        node("Slice", ["x", "from", "to", "axes", "steps"], ["y"]),
        axes=whole(0),
        steps=whole(-1),
        to=whole(-(2**62)),
        **{"from": whole(-1)},
    ),
    "the first row to all": over_batch(
        node("Gather", ["x", "zero"], ["f"]), node("Mul", ["x", "f"], ["y"]), zero=np.array(0, np.int64)
    ),
    "one scale for all rows": over_batch(
        node("DynamicQuantizeLinear", ["x"], ["q", "scale", "point"]),
        node("DequantizeLinear", ["q", "scale", "point"], ["y"]),
    ),
    "an effect of large sums only": over_batch(
        node("ReduceSum", ["x", "axes"], ["s"], keepdims=1),
        node("Sub", ["s", "limit"], ["over"]),
        node("Relu", ["over"], ["r"]),
        node("Add", ["x", "r"], ["y"]),
        axes=whole(0),
        limit=np.array(1000, np.float32),
    ),
    "an effect of large negative sums only": over_batch(
        node("ReduceSum", ["x", "axes"], ["s"], keepdims=1),
        node("Add", ["s", "limit"], ["over"]),
        node("Neg", ["over"], ["under"]),
        node("Relu", ["under"], ["r"]),
        node("Sub", ["x", "r"], ["y"]),
        axes=whole(0),
        limit=np.array(1000, np.float32),
    ),
    "a spread over the batch": over_batch(
        node("ReduceMax", ["x", "axes"], ["most"], keepdims=1),
        node("ReduceMin", ["x", "axes"], ["least"], keepdims=1),
        node("Sub", ["most", "least"], ["s"]),
        node("Sub", ["s", "limit"], ["over"]),
        node("Relu", ["over"], ["r"]),
        node("Add", ["x", "r"], ["y"]),
        axes=whole(0),
        limit=np.array(1000, np.float32),
    ),
    "batch norm in training mode": (
        [
            node("BatchNormalization", ["x", "scale", "b", "mean", "var"], ["y", "m", "v"], training_mode=1),
        ],
        [("x", "float32", ["n", 2, 3])],
        [("y", "float32", ["n", 2, 3])],
        {name: np.ones(2, np.float32) for name in ("scale", "b", "mean", "var")},
    ),
    "a scalar": (
        [node("ReduceSum", ["x"], ["y"], keepdims=0)],
        X2,
        [("y", "float32", [])],
        {},
    ),
    "rows beside a scalar": (
        [node("Neg", ["x"], ["y"]), node("ReduceSum", ["x"], ["s"], keepdims=0)],
        X2,
        [*Y2, ("s", "float32", [])],
        {},
    ),
    "one row for all": (
        [node("ReduceMax", ["x", "axes"], ["y"], keepdims=1)],
        X2,
        [("y", "float32", [1, 2])],
        {"axes": whole(0)},
    ),
    "rows that depend on the values": (
        [node("Less", ["x", "half"], ["b"]), node("NonZero", ["b"], ["y"])],
        [("x", "float32", ["n"])],
        [("y", "int64", [1, "found"])],
        {"half": np.array(0.5, np.float32)},
    ),
    "rows kept by their values": (
        [
            node("ReduceSum", ["x", "axes"], ["s"], keepdims=0),
            node("Less", ["s", "half"], ["b"]),
            node("Compress", ["x", "b"], ["y"], axis=0),
        ],
        X2,
        [("y", "float32", ["kept", 2])],
        {"half": np.array(0.5, np.float32), "axes": whole(1)},
    ),
    "the number of rows": (
        [node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["f"], to=1), node("ReduceMax", ["f"], ["m"], keepdims=0),
         node("Add", ["x", "m"], ["y"])],
        [("x", "float32", ["n"])],
        [("y", "float32", ["n"])],
        {},
    ),
    "state in another axis": (
        [
            node("ReduceSum", ["state", "axes"], ["s"], keepdims=0),
            node("Add", ["x", "s"], ["y"]),
            node("Neg", ["state"], ["after"]),
        ],
        [("x", "float32", ["batch", 4]), ("state", "float32", [2, "batch", 4])],
        [("y", "float32", ["batch", 4]), ("after", "float32", [2, "batch", 4])],
        {"axes": whole(0)},
    ),
    "a recurrence over the first axis": (
        [node("RNN", ["x", "w", "r"], ["y"], hidden_size=2)],
        [("x", "float32", ["tokens", 1, 3])],
        [("y", "float32", ["tokens", 1, 1, 2])],
        {"w": floats(1, 2, 3), "r": floats(1, 2, 2)},
    ),
    "a recurrence with the batch second": (
        [node("RNN", ["x", "w", "r"], ["", "y"], hidden_size=2)],
        [("x", "float32", ["tokens", "batch", 3])],
        [("y", "float32", [1, "batch", 2])],
        {"w": floats(1, 2, 3), "r": floats(1, 2, 2)},
    ),
    "two first axes against each other": (
        [node("Transpose", ["b"], ["t"]), node("MatMul", ["a", "t"], ["y"])],
        [("a", "float32", ["queries", 3]), ("b", "float32", ["documents", 3])],
        [("y", "float32", ["queries", "documents"])],
        {},
    ),
    "a reshape for one batch size": (
        [node("Reshape", ["x", "shape"], ["y"])],
        X2,
        [("y", "float32", ["n", 2])],
        {"shape": whole(1, 2)},
    ),
    "a reshape for batches of at most two": (
        [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]), node("Gather", ["table", "n"], ["t"]),
         node("Cast", ["t"], ["f"], to=1), node("Mul", ["x", "f"], ["y"])],
        X2,
        Y2,
        {"zero": np.array(0, np.int64), "table": whole(0, 1, 1)},
    ),
    "always the same": (
        [node("Shape", ["x"], ["s"], start=0, end=1), node("ConstantOfShape", ["s"], ["y"])],
        X2,
        [("y", "float32", ["n"])],
        {},
    ),
    "never a number": over_batch(node("Mul", ["x", "nan"], ["y"]), nan=np.array(np.nan, np.float32)),
}  # fmt: skip


def load(folder: Path, load_model: Load, graph: Graph, **spec: Any) -> LoadedModel:
    nodes, inputs, outputs, constants = graph
    onnxmodels.save(
        folder / "model.onnx",
        nodes,
        [onnxmodels.tensor(*item) for item in inputs],
        [onnxmodels.tensor(*item) for item in outputs],
        constants,
    )
    return load_model(**spec)


@pytest.mark.parametrize("name", WRONG)
def test_a_graph_whose_rows_are_no_samples_runs_unbatched(name: str, tmp_path: Path, load_model: Load) -> None:
    loaded = load(tmp_path, load_model, WRONG[name])
    assert (loaded.learnt.proof.batchable, loaded.learnt.limit, loaded.plan.limit) == (False, 1, 1)
    assert loaded.plan.batched == frozenset()
    assert len(loaded.learnt.proof.why) > 20
    assert loaded.learnt.cost is not None, "a sample of it runs all the same"


RIGHT: dict[str, Graph] = {
    "mlp": (
        [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "v"], ["y"])],
        [("x", "float32", ["n", 16])],
        [("y", "float32", ["n", 4])],
        {"w": floats(16, 64), "v": floats(64, 4)},
    ),
    "softmax of small logits": (
        [node("MatMul", ["x", "w"], ["h"]), node("Softmax", ["h"], ["y"])],
        [("x", "float32", ["n", 16])],
        [("y", "float32", ["n", 1000])],
        {"w": floats(16, 1000) / 100},
    ),
    "convolution": (
        [node("Conv", ["x", "w"], ["c"]), node("GlobalAveragePool", ["c"], ["p"]), node("Flatten", ["p"], ["y"])],
        [("x", "float32", ["n", 3, "height", "width"])],
        [("y", "float32", ["n", 4])],
        {"w": floats(4, 3, 3, 3)},
    ),
    "a table of 100 rows": (
        [node("Gather", ["table", "ids"], ["e"]), node("ReduceMean", ["e", "axes"], ["y"], keepdims=0)],
        [("ids", "int64", ["n", "tokens"])],
        [("y", "float32", ["n", 8])],
        {"table": floats(100, 8), "axes": whole(1)},
    ),
    "a table of 700 rows, one index a sample": (
        [node("Gather", ["table", "ids"], ["y"])],
        [("ids", "int64", ["n"])],
        [("y", "float32", ["n", 8])],
        {"table": floats(700, 8)},
    ),
    "float16": (
        [node("MatMul", ["x", "w"], ["y"])],
        [("x", "float16", ["n", 32])],
        [("y", "float16", ["n", 4])],
        {"w": floats(32, 4).astype(np.float16)},
    ),
    "bfloat16": (
        [node("Cast", ["x"], ["f"], to=1), node("MatMul", ["f", "w"], ["h"]), node("Cast", ["h"], ["y"], to=16)],
        [("x", "bfloat16", ["n", 8])],
        [("y", "bfloat16", ["n", 4])],
        {"w": floats(8, 4)},
    ),
    "int8": (
        [node("Cast", ["x"], ["f"], to=1), node("MatMul", ["f", "w"], ["y"])],
        [("x", "int8", ["n", 8])],
        [("y", "float32", ["n", 4])],
        {"w": floats(8, 4)},
    ),
    "bool": (
        [node("Not", ["x"], ["y"])],
        [("x", "bool", ["n", 8])],
        [("y", "bool", ["n", 8])],
        {},
    ),
    "strings": (
        [node("Identity", ["x"], ["y"])],
        [("x", "string", ["n"])],
        [("y", "string", ["n"])],
        {},
    ),
    "a threshold beside": (
        [node("Add", ["x", "shift"], ["y"])],
        [*X2, ("shift", "float32", [1])],
        Y2,
        {},
    ),
    "a scalar beside": ([node("Mul", ["x", "by"], ["y"])], [*X2, ("by", "float32", [])], Y2, {}),
    "large values": over_batch(node("Exp", ["x"], ["y"])),
    "doubles": (
        [node("Sin", ["x"], ["y"])], [("x", "float64", ["n", 2])], [("y", "float64", ["n", 2])], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_graph_of_samples_batches(name: str, tmp_path: Path, load_model: Load) -> None:
    loaded = load(tmp_path, load_model, RIGHT[name])
    assert loaded.learnt.proof.batchable, loaded.learnt.proof.why
    assert loaded.learnt.proof.why == "5 samples gave the same apart and together"
    assert loaded.plan.batched == {t.name for t in loaded.signature.inputs if t.shape and t.shape[0] == "n"}
    assert loaded.learnt.limit >= 1
    assert loaded.learnt.cost is not None


def test_labels_as_strings(tmp_path: Path, load_model: Load) -> None:
    encoder = node(
        "LabelEncoder", ["i"], ["y"], domain="ai.onnx.ml", keys_int64s=[0, 1, 2], values_strings=["a", "b", "c"]
    )
    graph = helper.make_graph(
        [node("ArgMax", ["x"], ["i"], axis=1, keepdims=0), encoder],
        "labels",
        [onnxmodels.tensor("x", "float32", ["n", 3])],
        [onnxmodels.tensor("y", "string", ["n"])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "model.onnx")
    loaded = load_model()
    assert loaded.learnt.proof.batchable, loaded.learnt.proof.why
    assert loaded.predict(b'{"x": [[1, 2, 3], [3, 2, 1]]}') == b'{"y":["c","a"]}'


def test_maps(tmp_path: Path, load_model: Load) -> None:
    nodes = [
        node("Softmax", ["x"], ["p"]),
        node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_strings=["a", "b"]),
    ]
    value = onnx.ValueInfoProto()
    value.name = "y"
    value.type.sequence_type.elem_type.map_type.key_type = onnx.TensorProto.STRING
    value.type.sequence_type.elem_type.map_type.value_type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    graph = helper.make_graph(nodes, "maps", [onnxmodels.tensor("x", "float32", ["n", 2])], [value])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "model.onnx")
    loaded = load_model()
    assert loaded.learnt.proof.batchable, loaded.learnt.proof.why


def test_a_sequence_of_tensors(tmp_path: Path, load_model: Load) -> None:
    """One tensor for each sample; comparing two lists of arrays with `!=` is an error in numpy."""
    value = helper.make_tensor_sequence_value_info("y", onnx.TensorProto.FLOAT, None)
    nodes = [node("SplitToSequence", ["x"], ["y"], axis=0, keepdims=0)]
    graph = helper.make_graph(nodes, "sequence", [onnxmodels.tensor("x", "float32", ["n", 2])], [value])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "model.onnx"
    )
    loaded = load_model()
    assert loaded.learnt.proof.batchable, loaded.learnt.proof.why


def test_words_that_the_graph_does_not_know_prove_nothing(tmp_path: Path, load_model: Load) -> None:
    """All made-up strings fall to the default; the manifest's sample has one that does not."""
    encoder = node(
        "LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_strings=["red", "blue"], values_int64s=[1, 2]
    )
    tensors = [onnxmodels.tensor("x", "string", ["n", 2]), onnxmodels.tensor("y", "int64", ["n", 2])]
    graph = helper.make_graph([encoder], "colours", tensors[:1], tensors[1:])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "model.onnx")
    alone = load_model().learnt.proof
    assert not alone.batchable
    assert alone.why.startswith("output 'y' was the same for all samples tried, which proves nothing: give two")
    samples = [
        {"request": {"x": ["red", "blue"]}, "response": {"y": [1, 2]}},
        {"request": {"x": ["blue", "red"]}, "response": {"y": [2, 1]}},
    ]
    assert load_model(samples=samples).learnt.proof.batchable


def test_tfidf(tmp_path: Path, load_model: Load) -> None:
    """A graph of whole numbers to n-gram counts, one row a sample."""
    counts = node(
        "TfIdfVectorizer", ["x"], ["y"], mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0,
        ngram_counts=[0], ngram_indexes=list(range(10)), pool_int64s=list(range(10)),
    )  # fmt: skip
    graph: Graph = ([counts], [("x", "int64", ["n", "words"])], [("y", "float32", ["n", 10])], {})
    assert load(tmp_path, load_model, graph).learnt.proof.batchable
