"""all-MiniLM-L6-v2 (BERT; Devlin et al. 2018) in numpy, for single tokens: what examples/embedding is distilled from."""

from collections.abc import Mapping

import numpy as np
from scipy.special import erf

LAYERS, HEADS, CLS, SEP = 6, 12, 101, 102
Weights = Mapping[str, np.ndarray]


def encoded(weights: Weights, tokens: np.ndarray) -> np.ndarray:
    """The mean of the last hidden states of `[CLS] token [SEP]`, float32 [n, 384], for tokens int64 [n]."""
    ids = np.stack([np.full_like(tokens, CLS), tokens, np.full_like(tokens, SEP)], axis=1)
    hidden = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][:3]
    hidden = _norm(weights, "embeddings.LayerNorm", hidden + weights["embeddings.token_type_embeddings.weight"][0])
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}."
        attended = _dense(weights, f"{layer}attention.output.dense", _attention(weights, layer, hidden))
        hidden = _norm(weights, f"{layer}attention.output.LayerNorm", hidden + attended)
        inner = _dense(weights, f"{layer}intermediate.dense", hidden)
        inner = inner * (1 + erf(inner / np.sqrt(np.float32(2)))) / 2
        hidden = _norm(weights, f"{layer}output.LayerNorm", hidden + _dense(weights, f"{layer}output.dense", inner))
    return np.asarray(hidden.mean(axis=1), np.float32)


def _attention(weights: Weights, layer: str, hidden: np.ndarray) -> np.ndarray:
    """Every token looks at all three; float32 [n, 3, 384]."""
    query, key, value = (
        _dense(weights, f"{layer}attention.self.{name}", hidden).reshape(len(hidden), 3, HEADS, -1)
        for name in ("query", "key", "value")
    )
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(np.float32(query.shape[-1]))
    chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
    chances /= chances.sum(axis=-1, keepdims=True)
    return np.asarray(np.einsum("bhqk,bkhd->bqhd", chances, value).reshape(hidden.shape))


def _dense(weights: Weights, name: str, hidden: np.ndarray) -> np.ndarray:
    return np.asarray(hidden @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _norm(weights: Weights, name: str, hidden: np.ndarray) -> np.ndarray:
    centred = hidden - hidden.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(1e-12))
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])
