"""Token ids against transformers' fast tokenizers, on tokenizers of the three usual kinds."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from gpux_api.v1alpha1.processing import TextSpec
from gpux_predictor.errors import BadRequest, LoadError, LoadReason
from gpux_predictor.transforms.text import TextTransform

CORPUS = [
    "The quick brown fox jumps over the lazy dog.",
    "Tokenizers cut words into pieces: un-believ-able!",
    "Größe, naïve café, 東京 と 北京, Привет мир",
    "numbers 0 1 2 3.14 and (brackets) [too]",
] * 4
TEXTS = [
    "The quick brown fox",
    "",
    " ",
    "  two  spaces\tand\nlines ",
    "GRÖSSE naïve café",
    "東京と北京 Привет",
    "emoji 👩‍👩‍👧‍👦 🇫🇷 🙂",
    "e\u0301 combining, \u00a0 no-break, \u200b zero width, \ufeff mark",
    "[CLS] [SEP] [PAD] <pad> </s> are special",
    "\x00\x01 control",
    "long " * 300,
    "unbelievable" * 40,
]
TOKENS: list[Any] = [
    (name, "int64", ("batch", "sequence")) for name in ("input_ids", "attention_mask", "token_type_ids")
]
Make = Callable[..., TextTransform]


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    tokenizer.enable_padding(
        length=32, pad_id=0, pad_token="[PAD]"
    )  # files of sentence-transformers have this; it must not act
    tokenizer.enable_truncation(16)
    return tokenizer


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<pad>", "</s>"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    tokenizer.enable_padding(direction="left", pad_id=1, pad_token="<pad>")
    return tokenizer


KINDS = {"wordpiece": word_piece, "bytelevel": byte_level, "unigram": unigram}
PADS = {"wordpiece": "[PAD]", "bytelevel": "<pad>", "unigram": "<pad>"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tokenizers")
    for name, make in KINDS.items():
        make().save(str(folder / f"{name}.json"))
    return {name: folder / f"{name}.json" for name in KINDS}


@pytest.fixture
def make(files: dict[str, Path], make_signature: Any) -> Make:
    def build(kind: str, inputs: Sequence[Any] = TOKENS, **spec: Any) -> TextTransform:
        return TextTransform(TextSpec(**spec), files[kind], make_signature(*inputs))

    return build


def reference(file: Path, kind: str, texts: list[str], pairs: list[str] | None, length: int | None) -> Any:
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415  (a second that most tests do not need)

    fast = PreTrainedTokenizerFast(tokenizer_file=str(file), pad_token=PADS[kind])  # type: ignore[no-untyped-call]
    return fast(
        texts, pairs, padding=True, truncation=length is not None, max_length=length, return_tensors="np",
        return_token_type_ids=True, return_attention_mask=True,
    )  # fmt: skip


@pytest.mark.parametrize("pairs", [None, TEXTS[::-1]], ids=["texts", "pairs"])
@pytest.mark.parametrize("length", [5, 24, 4096])
@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_transformers(
    make: Make, files: dict[str, Path], kind: str, length: int, pairs: list[str] | None
) -> None:
    transform = make(kind, maxLength=length, pairWith=None if pairs is None else "second")
    batch = transform.pad_rows(transform.encode(TEXTS, pairs))
    expected = reference(files[kind], kind, TEXTS, pairs, length)
    for name in transform.inputs:
        np.testing.assert_array_equal(batch[name], expected[name], name)


@given(st.lists(st.text(max_size=40).filter(lambda text: not any(map(_surrogate, text))), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ids_of_any_text(make: Make, files: dict[str, Path], texts: list[str]) -> None:
    transform = make("bytelevel", maxLength=16)
    batch = transform.pad_rows(transform.encode(texts))
    expected = reference(files["bytelevel"], "bytelevel", texts, None, 16)
    np.testing.assert_array_equal(batch["input_ids"], expected["input_ids"])


def _surrogate(character: str) -> bool:
    return 0xD800 <= ord(character) < 0xE000


def test_rows_keep_their_own_lengths_and_the_graphs_dtypes(make: Make) -> None:
    transform = make("wordpiece", [("input_ids:0", "int32", (None, None)), ("attention_mask", "float32", (None, None))])
    short, long = transform.encode(["fox", "The quick brown fox"])
    assert transform.inputs == ("input_ids:0", "attention_mask")
    assert transform.max_length == 16
    assert short["input_ids:0"].size < long["input_ids:0"].size <= 16
    assert short["input_ids:0"].dtype == np.int32
    assert short["attention_mask"].tolist() == [1.0] * short["input_ids:0"].size
    assert transform.pad_rows([short], 40)["input_ids:0"].shape == (1, 40)


def test_without_a_limit_nothing_is_cut(make: Make) -> None:
    transform = make("unigram")
    assert transform.max_length is None
    assert transform.encode(["long " * 3000])[0]["input_ids"].size > 3000


def test_padding_side_and_values(make: Make) -> None:
    left, right = make("unigram"), make("bytelevel")
    assert left.pad == {"input_ids": 1, "attention_mask": 0, "token_type_ids": 0}
    assert right.pad["input_ids"] == 1  # by the token's usual name: this file has no padding section
    assert left.pad_rows(left.encode(["fox", "The quick brown fox"]))["attention_mask"][0, 0] == 0
    assert right.pad_rows(right.encode(["fox", "The quick brown fox"]))["attention_mask"][0, -1] == 0


def test_a_fixed_sequence_is_always_filled(make: Make) -> None:
    fixed = [(name, dtype, (1, 8)) for name, dtype, _ in TOKENS]
    transform = make("wordpiece", fixed)
    assert (transform.fixed_length, transform.max_length) == (8, 8)
    rows = transform.encode(["fox", "The quick brown fox jumps over the lazy dog"])
    assert [row["input_ids"].size for row in rows] == [8, 8]
    assert rows[0]["attention_mask"].tolist() == [1] * int(rows[0]["attention_mask"].sum()) + [0] * (
        8 - int(rows[0]["attention_mask"].sum())
    )
    assert rows[1]["attention_mask"].all()


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (3, "Invalid input type for 'text': expected string or array of strings"),
        (None, "Invalid input type for 'text': expected string or array of strings"),
        (["a", 3], "Invalid input type for 'text': expected string or array of strings"),
        ([["a"]], "Invalid input type for 'text': expected string or array of strings"),
        ({"a": "b"}, "Invalid input type for 'text': expected string or array of strings"),
        ([], "Invalid input shape for 'text': the array is empty"),
        (["a", "b\ud800"], "Invalid input value for 'text': character 1 is a lone surrogate, which is no Unicode text"),
    ],
)
def test_wrong_texts(make: Make, value: object, detail: str) -> None:
    with pytest.raises(BadRequest) as caught:
        make("wordpiece").parse(value)
    assert caught.value.detail == detail


def test_one_or_many(make: Make) -> None:
    assert make("wordpiece").parse("a") == (["a"], None, True)
    assert make("wordpiece").parse(["a", "b"]) == (["a", "b"], None, False)
    pairs = make("wordpiece", pairWith="passage", input="query")
    assert pairs.parse("q", "p") == (["q"], ["p"], True)
    assert pairs.parse("q", ["p1", "p2"]) == (["q", "q"], ["p1", "p2"], False)
    assert pairs.parse(["q1", "q2"], "p") == (["q1", "q2"], ["p", "p"], False)
    with pytest.raises(BadRequest, match="Missing required input: 'passage'"):
        pairs.parse("q")
    with pytest.raises(BadRequest, match="'passage': expected 2 strings, one for each of 'query', found 3"):
        pairs.parse(["a", "b"], ["c", "d", "e"])


def test_text_without_tokens(make: Make, tmp_path: Path, make_signature: Any) -> None:
    tokenizer = byte_level()
    tokenizer.post_processor = processors.ByteLevel()
    tokenizer.save(str(tmp_path / "bare.json"))
    transform = TextTransform(TextSpec(), tmp_path / "bare.json", make_signature(*TOKENS))
    with pytest.raises(BadRequest, match="Invalid input value for 'text': item 1 has no tokens"):
        transform.encode(["a", ""])


@pytest.mark.parametrize(
    ("inputs", "spec", "message"),
    [
        ([("x", "float32", (None, 2))], {}, "the graph has no input 'input_ids', only 'x'"),
        ([("input_ids", "float32", (None, None))], {}, "token ids are int32 or int64"),
        ([("input_ids", "int64", (None, None, 3))], {}, r"tokens need \[batch, sequence\]"),
        ([("input_ids", "int64", (None, 8)), ("attention_mask", "int64", (None, 9))], {}, r"lengths, \[8, 9\]"),
        ([("input_ids", "int64", (None, 8))], {"maxLength": 9}, "write maxLength: 8"),
        (TOKENS, {"maxLength": 2}, "write maxLength: 3 or more"),
        (TOKENS, {"maxLength": 3, "pairWith": "b"}, "write maxLength: 4 or more"),
    ],
)
def test_what_does_not_go_with_the_graph(make: Make, inputs: list[Any], spec: dict[str, Any], message: str) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        make("wordpiece", inputs, **spec)
    assert caught.value.reason is LoadReason.INVALID_PREPROCESSING


@pytest.mark.parametrize("content", [None, "", "{}", "no json", json.dumps({"model": {"type": "BPE"}}), "\xff"])
def test_files_that_are_no_tokenizers(content: str | None, tmp_path: Path, make_signature: Any) -> None:
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_text(content, "latin-1")
    with pytest.raises(LoadError, match="tokenizer.json") as caught:
        TextTransform(TextSpec(), file, make_signature(*TOKENS))
    assert caught.value.reason is LoadReason.INVALID_PREPROCESSING
