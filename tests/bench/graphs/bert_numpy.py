"""The same encoder in numpy: what the graph is checked against, written from the paper and not from the graph."""

import math
from collections.abc import Mapping

import numpy as np

from .bert import EPSILON, MASKED, Shape

_erf = np.vectorize(math.erf, otypes=[np.float64])


def run(weights: Mapping[str, np.ndarray], shape: Shape, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
    """last_hidden_state, float64 [batch, sequence, hidden], of feeds int64 [batch, sequence]."""
    ids = feeds["input_ids"]
    hidden = (
        weights["embeddings.word_embeddings.weight"].astype(np.float64)[ids]
        + weights["embeddings.token_type_embeddings.weight"][feeds["token_type_ids"]]
        + weights["embeddings.position_embeddings.weight"][np.arange(ids.shape[1])]
    )
    hidden = _norm(weights, "embeddings.LayerNorm", hidden)
    bias = (1.0 - feeds["attention_mask"][:, None, None, :]) * MASKED
    for number in range(shape.layers):
        prefix = f"encoder.layer.{number}."
        attended = _dense(weights, prefix + "attention.output.dense", _mixed(weights, prefix, shape, hidden, bias))
        hidden = _norm(weights, prefix + "attention.output.LayerNorm", hidden + attended)
        inner = _dense(weights, prefix + "intermediate.dense", hidden)
        inner = inner * 0.5 * (1.0 + _erf(inner / math.sqrt(2.0)))
        hidden = _norm(weights, prefix + "output.LayerNorm", hidden + _dense(weights, prefix + "output.dense", inner))
    return hidden


def _mixed(
    weights: Mapping[str, np.ndarray], prefix: str, shape: Shape, hidden: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    def heads(name: str) -> np.ndarray:
        flat = _dense(weights, f"{prefix}attention.self.{name}", hidden)
        return flat.reshape(*flat.shape[:2], shape.heads, -1)

    query, key, value = heads("query"), heads("key"), heads("value")
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(query.shape[-1]) + bias
    chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
    chances /= chances.sum(axis=-1, keepdims=True)
    mixed: np.ndarray = np.einsum("bhqk,bkhd->bqhd", chances, value).reshape(hidden.shape)
    return mixed


def _dense(weights: Mapping[str, np.ndarray], name: str, hidden: np.ndarray) -> np.ndarray:
    product: np.ndarray = hidden @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return product


def _norm(weights: Mapping[str, np.ndarray], name: str, hidden: np.ndarray) -> np.ndarray:
    centred = hidden - hidden.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    normed: np.ndarray = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return normed
