"""A BERT encoder as an ONNX graph (Devlin et al. 2018), the way exporters write it: ONNX Runtime fuses what it can.

input_ids, attention_mask, token_type_ids int64 [batch, sequence] -> last_hidden_state float32 [batch, sequence, hidden].
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onnxmodels import tensor

from .nodes import Nodes

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
EPSILON = 1e-12
MASKED = -10000.0
"""What is added to the score of a masked token."""


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder; the defaults are all-MiniLM-L6-v2's."""

    layers: int = 6
    heads: int = 12
    hidden: int = 384
    intermediate: int = 1536
    vocabulary: int = 30522
    positions: int = 512


def build(path: Path, weights: Mapping[str, np.ndarray], shape: Shape) -> Path:
    """Writes the graph; `weights` has Hugging Face's names for a BertModel, float32."""
    nodes = Nodes()
    mask = nodes.add("Unsqueeze", nodes.add("Cast", "attention_mask", to=1), np.array([1, 2]))
    bias = nodes.add("Mul", nodes.add("Sub", 1.0, mask), MASKED)
    hidden = _embeddings(nodes, weights)
    for number in range(shape.layers):
        prefix = f"encoder.layer.{number}."
        attended = _attention(nodes, weights, prefix + "attention.", hidden, bias, shape)
        hidden = _norm(nodes, weights, prefix + "attention.output.LayerNorm", nodes.add("Add", attended, hidden))
        inner = _gelu(nodes, _dense(nodes, weights, prefix + "intermediate.dense", hidden))
        outer = _dense(nodes, weights, prefix + "output.dense", inner)
        hidden = _norm(nodes, weights, prefix + "output.LayerNorm", nodes.add("Add", outer, hidden))
    nodes.add("Identity", hidden, output="last_hidden_state")
    inputs = [tensor(name, "int64", ["batch", "sequence"]) for name in INPUTS]
    return nodes.save(path, inputs, [tensor("last_hidden_state", "float32", ["batch", "sequence", shape.hidden])])


def _embeddings(nodes: Nodes, weights: Mapping[str, np.ndarray]) -> str:
    size = nodes.add("Shape", "input_ids", start=1, end=2)
    last = nodes.add("Squeeze", size, np.array([0]))
    places = nodes.add("Range", np.array(0), last, np.array(1))
    words = nodes.add("Gather", weights["embeddings.word_embeddings.weight"], "input_ids")
    types = nodes.add("Gather", weights["embeddings.token_type_embeddings.weight"], "token_type_ids")
    positions = nodes.add("Gather", weights["embeddings.position_embeddings.weight"], places)
    summed = nodes.add("Add", nodes.add("Add", words, types), positions)
    return _norm(nodes, weights, "embeddings.LayerNorm", summed)


def _attention(
    nodes: Nodes, weights: Mapping[str, np.ndarray], prefix: str, hidden: str, bias: str, shape: Shape
) -> str:
    size = shape.hidden // shape.heads
    split = np.array([0, 0, shape.heads, size])

    def heads(name: str, order: list[int]) -> str:
        flat = _dense(nodes, weights, f"{prefix}self.{name}", hidden)
        return nodes.add("Transpose", nodes.add("Reshape", flat, split), perm=order)

    query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
    scores = nodes.add("Div", nodes.add("MatMul", query, key), math.sqrt(size))
    chances = nodes.add("Softmax", nodes.add("Add", scores, bias), axis=-1)
    mixed = nodes.add("Transpose", nodes.add("MatMul", chances, value), perm=[0, 2, 1, 3])
    return _dense(nodes, weights, f"{prefix}output.dense", nodes.add("Reshape", mixed, np.array([0, 0, shape.hidden])))


def _dense(nodes: Nodes, weights: Mapping[str, np.ndarray], name: str, hidden: str) -> str:
    product = nodes.add("MatMul", hidden, np.ascontiguousarray(weights[f"{name}.weight"].T))
    return nodes.add("Add", product, weights[f"{name}.bias"])


def _norm(nodes: Nodes, weights: Mapping[str, np.ndarray], name: str, hidden: str) -> str:
    scale, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return nodes.add("LayerNormalization", hidden, scale, bias, axis=-1, epsilon=EPSILON)


def _gelu(nodes: Nodes, hidden: str) -> str:
    erf = nodes.add("Erf", nodes.add("Div", hidden, math.sqrt(2)))
    product = nodes.add("Mul", hidden, nodes.add("Add", erf, 1.0))
    return nodes.add("Mul", product, 0.5)
