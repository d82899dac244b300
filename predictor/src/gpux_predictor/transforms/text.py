"""Text to token tensors, by a Hugging Face tokenizer.json; the ids are those of transformers' fast tokenizers.

Truncation is longest-first with the file's direction and padding goes on the file's side, as `PreTrainedTokenizerFast` does. Rows
keep their own lengths until they meet in a batch: padding to the longest of a batch is all that it needs.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gpux_api.v1alpha1.processing import TextSpec
from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.transforms import token_inputs, tokenizer
from gpux_predictor.transforms.strings import strings

if TYPE_CHECKING:
    from tokenizers import Encoding

Row = dict[str, np.ndarray]


class TextTransform:
    """Tokenizes texts for one graph.

    Args:
        spec: `preprocessing.text`.
        tokenizer_file: the tokenizer.json on this machine.
        signature: the graph's.

    Attributes:
        inputs: the graph's inputs that are filled.
        pad: the padding value of each: the pad token's id, 0 for the mask, the pad type id.
        max_length: tokens kept of a text or pair, special tokens included: `maxLength`, else the file's truncation, else the
            graph's fixed length; None keeps all.
        fixed_length: the graph's fixed sequence length, to which every row is padded; None if it varies.
        pad_left: padding goes before the tokens, as generators want it.

    Raises:
        LoadError: InvalidPreprocessing, if the file is no tokenizer or does not go with the graph.
    """

    def __init__(self, spec: TextSpec, tokenizer_file: Path, signature: Signature) -> None:
        self._spec = spec
        self._inputs = token_inputs.find(signature)
        self._tokenizer = tokenizer.load(tokenizer_file)
        padding, truncation = self._tokenizer.padding, self._tokenizer.truncation
        self.fixed_length = self._inputs.fixed_length
        self.max_length = self._length(truncation)
        self.inputs = tuple(self._inputs.names.values())
        self.pad = tokenizer.pad_values(self._tokenizer, self._inputs.names)
        self.pad_left = padding is not None and padding["direction"] == "left"
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        if self.max_length is not None:
            direction = (truncation or {}).get("direction", "right")
            self._tokenizer.enable_truncation(self.max_length, strategy="longest_first", direction=direction)

    @property
    def takes_pairs(self) -> bool:
        """Whether a request holds a second text for each."""
        return self._spec.pair_with is not None

    def digest(self) -> str:
        """What tells this tokenizer, as it is set, from others: SHA-256 in hexadecimal."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()

    def parse(self, value: Any, pair_value: Any = None) -> tuple[list[str], list[str] | None, bool]:  # noqa: ANN401
        """The texts of a request, their second texts, and whether it was one text that came without a list.

        One text beside a list of second texts (or the reverse) goes with each of them, as rerankers are asked.

        Args:
            value: what the request holds under `input`.
            pair_value: what it holds under `pairWith`; required there, None otherwise.

        Raises:
            BadRequest: another type, an empty list, text that is no Unicode, or lists of different lengths.
        """
        texts, single = strings(self._spec.input, value)
        if self._spec.pair_with is None:
            return texts, None, single
        if pair_value is None:
            raise BadRequest(f"Missing required input: '{self._spec.pair_with}'")
        pairs, single_pair = strings(self._spec.pair_with, pair_value)
        if single and not single_pair:
            texts = texts * len(pairs)
        elif single_pair and not single:
            pairs = pairs * len(texts)
        if len(texts) != len(pairs):
            raise BadRequest(
                f"Invalid input shape for '{self._spec.pair_with}': expected {len(texts)} strings, one for each of "
                f"'{self._spec.input}', found {len(pairs)}"
            )
        return texts, pairs, single and single_pair

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[Row]:
        """The tokens of each text, or pair: 1-D arrays of its own length (of `fixed_length` if there is one) in the graph's dtypes.

        Releases the GIL while it tokenizes.

        Raises:
            BadRequest: a text without a single token.
        """
        batch = list(texts) if pairs is None else list(zip(texts, pairs, strict=True))
        rows = [self._row(encoding) for encoding in self._tokenizer.encode_batch_fast(batch)]
        for index, row in enumerate(rows):
            if row[self.inputs[0]].size == 0:
                where = f"item {index}" if len(rows) > 1 else "the text"
                raise BadRequest(f"Invalid input value for '{self._spec.input}': {where} has no tokens")
        if self.fixed_length is None:
            return rows
        return [{name: array[0] for name, array in self.pad_rows([row]).items()} for row in rows]

    def pad_rows(
        self, rows: Sequence[Row], length: int | None = None, names: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """The rows as one batch of [n, length] arrays.

        Args:
            rows: at least one, from `encode`.
            length: at least that of the longest row, which is the default.
            names: the inputs wanted; all by default.
        """
        width = length or self.fixed_length or max(row[self.inputs[0]].size for row in rows)
        batch = {}
        for name in names or self.inputs:
            array = np.full((len(rows), width), self.pad[name], self._inputs.dtypes[name])
            for slot, row in zip(array, rows, strict=True):
                tokens = row[name]
                slot[width - tokens.size if self.pad_left else 0 :][: tokens.size] = tokens
            batch[name] = array
        return batch

    def _row(self, encoding: "Encoding") -> Row:
        ids = encoding.ids
        values = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": encoding.type_ids}
        return {name: np.array(values[role], self._inputs.dtypes[name]) for role, name in self._inputs.names.items()}

    def _length(self, truncation: dict[str, Any] | None) -> int | None:
        wanted, fixed = self._spec.max_length, self.fixed_length
        if wanted is not None and fixed is not None and wanted > fixed:
            raise token_inputs.refuse(
                f"maxLength is {wanted}, the graph takes {fixed} tokens: write maxLength: {fixed}"
            )
        lengths = [wanted] if wanted is not None else [(truncation or {}).get("max_length"), fixed]
        length = min((item for item in lengths if item is not None), default=None)
        special = self._tokenizer.num_special_tokens_to_add(self._spec.pair_with is not None)
        if length is not None and length <= special:
            raise token_inputs.refuse(
                f"{length} tokens hold nothing but the tokenizer's {special} special tokens: write maxLength: {special + 1} or more"
            )
        return length
