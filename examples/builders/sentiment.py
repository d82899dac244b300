"""Builds examples/sentiment/model.onnx: token ids to `logits`, by the lexicon classifier of lexicon.py."""

from pathlib import Path

import onnx
from examples.builders.lexicon import classifier

ALPHA = 5.76
"""The valence of "love" is 3.2: "I love this" becomes 3.2 / sqrt(3.2^2 + 5.76) = 0.8, which is 0.9 positive."""
FILE = Path(__file__).parents[1] / "sentiment" / "model.onnx"


def build() -> onnx.ModelProto:
    """The graph: input_ids, attention_mask int64 [batch, sequence] -> logits float32 [batch, 2]."""
    return classifier("sentiment", "logits", ALPHA)


if __name__ == "__main__":
    onnx.save(build(), FILE)
    print(f"wrote {FILE}")
