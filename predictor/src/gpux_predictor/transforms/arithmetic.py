"""The formulas of post-processing, over arrays whose first axis is the samples; stable, and without warnings.

Infinities and NaN of a graph become what IEEE 754 makes of them.
"""

import numpy as np

_POOLING_EPSILON = 1e-9
_NORM_EPSILON = 1e-12


@np.errstate(all="ignore")
def softmax(x: np.ndarray) -> np.ndarray:
    """exp(x) / sum(exp(x)) over the last axis, in the float dtype of x, float32 at least."""
    x = _floating(x)
    exponents = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=-1, keepdims=True))


@np.errstate(all="ignore")
def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), in the float dtype of x, float32 at least."""
    x = _floating(x)
    exponents = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, exponents) / (1 + exponents))


@np.errstate(all="ignore")
def mean_pool(x: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """The mean of the token vectors that the mask keeps.

    Args:
        x: [n, tokens, dimension].
        mask: [n, tokens] of 0 and 1; None keeps all.

    Returns:
        [n, dimension]. The sum is divided by max(sum(mask), 1e-9), as in sentence_transformers.models.Pooling.
    """
    x = _floating(x)
    if mask is None:
        return np.asarray(x.mean(axis=1))
    weights = mask.astype(x.dtype)
    sums = np.matmul(weights[:, None, :], x)[:, 0]
    return np.asarray(sums / np.maximum(weights.sum(axis=1, keepdims=True), _POOLING_EPSILON))


@np.errstate(all="ignore")
def normalize(x: np.ndarray) -> np.ndarray:
    """x / max(|x|, 1e-12) over the last axis, as torch.nn.functional.normalize."""
    x = _floating(x)
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), _NORM_EPSILON))


def largest(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and values of the k largest of the last axis (all, if it has fewer), descending, ties by the lower index, NaN last."""
    keys = -(x if x.dtype.kind == "f" else x.astype(np.float64))
    order = np.argsort(keys, axis=-1, kind="stable")[..., :k]
    return order, np.take_along_axis(x, order, axis=-1)


def _floating(x: np.ndarray) -> np.ndarray:
    return x if x.dtype in (np.dtype(np.float32), np.dtype(np.float64)) else x.astype(np.float32)
