"""A tokenizer.json from its file, and the values with which it pads."""

from pathlib import Path
from typing import TYPE_CHECKING

from gpux_predictor.transforms.token_inputs import refuse

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PAD_TOKENS = ("[PAD]", "<pad>")


def load(file: Path) -> "Tokenizer":
    """The tokenizer.

    Raises:
        LoadError: InvalidPreprocessing if the file is not there or is something else.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415  (40 ms and 4 MB that only text needs)

    if not file.is_file():
        raise refuse(
            f"{file} does not exist: put the model's tokenizer.json there, or set preprocessing.text.tokenizer to its path"
        )
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises nothing more specific
        raise refuse(
            f"{file.name} is no Hugging Face tokenizer.json: {error}. Save one with PreTrainedTokenizerFast.save_pretrained"
        ) from error


def pad_values(tokenizer: "Tokenizer", names: dict[str, str]) -> dict[str, int]:
    """By the graph's names; a file without a padding section has the token of the usual name, or 0."""
    padding = tokenizer.padding or {}
    usual = next((found for token in _PAD_TOKENS if (found := tokenizer.token_to_id(token)) is not None), 0)
    values = {
        "input_ids": padding.get("pad_id", usual),
        "attention_mask": 0,
        "token_type_ids": padding.get("pad_type_id", 0),
    }
    return {name: values[role] for role, name in names.items()}
