"""The tokenizer.json of all-MiniLM-L6-v2, with its fixed padding to 128, against transformers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpux_api.v1alpha1.processing import TextSpec
from gpux_predictor.tensors.dtypes import from_onnx
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.transforms.text import TextTransform

TOKENIZER = Path(__file__).parents[3] / "examples" / "review" / "tokenizer.json"
TEXTS = [
    "I love this product!",
    "",
    "Größe, naïve café, 東京, Привет, עברית, हिन्दी",
    "emoji 👩‍👩‍👧‍👦 🇫🇷 \x00 \u200b \ufeff",
    "[CLS] not a marker [SEP] [MASK]",
    "word " * 400,
    "x" * 500,
    "don't, e.g., U.S.A. $1,000.00 e-mail@example.org",
]


@pytest.mark.parametrize("length", [None, 12, 300])
@pytest.mark.parametrize("paired", [False, True])
def test_ids_are_those_of_transformers(length: int | None, paired: bool) -> None:
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415  (slow to import)

    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = tuple(Tensor(name, from_onnx("tensor(int64)"), ("batch", "sequence")) for name in names)
    spec = TextSpec(max_length=length, pair_with="second" if paired else None)
    transform = TextTransform(spec, TOKENIZER, Signature(inputs, ()))
    pairs = TEXTS[::-1] if paired else None
    batch = transform.pad_rows(transform.encode(TEXTS, pairs))
    fast: Any = PreTrainedTokenizerFast(tokenizer_file=str(TOKENIZER), pad_token="[PAD]")  # type: ignore[no-untyped-call]
    expected = fast(
        TEXTS, pairs, padding="longest", truncation=True, max_length=length or 128, return_token_type_ids=True, return_tensors="np"
    )  # fmt: skip
    for name in names:
        np.testing.assert_array_equal(batch[name], expected[name], name)
