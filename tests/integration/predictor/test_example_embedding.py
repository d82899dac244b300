"""examples/embedding: texts of one meaning are nearer than others, and the table is what the builder's encoder says."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tokenizers import Tokenizer

from predictorserver import Server

FOLDER = Path(__file__).parents[3] / "examples" / "embedding"


def vectors(server: Server, *texts: str) -> np.ndarray:
    """The answers, float64 [texts, 64]."""
    found = server.http.post("/predict", json={"text": list(texts)})
    assert found.status_code == 200, found.text
    return np.array(found.json()["embedding"])


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("how do I open a bank account", "opening an account with a bank", "the best way to cook rice"),
        ("the football team won the match", "a victory for the club in the game", "new laws on the price of oil"),
        ("a doctor works in a hospital", "nurses care for patients", "the train arrives at the station"),
        ("she plays the piano", "music for guitar and drums", "soldiers fought in the war"),
    ],
)
def test_texts_of_one_meaning_are_near(embedding: Server, text: str, near: str, far: str) -> None:
    one, other, third = vectors(embedding, text, near, far)
    assert one @ other > one @ third + 0.3


def test_vectors_have_length_one_and_do_not_depend_on_neighbours(embedding: Server) -> None:
    found = vectors(embedding, "a short text", "a longer text about the history of the world")
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    alone = embedding.http.post("/predict", json={"text": "a short text"}).json()["embedding"]
    assert alone == pytest.approx(found[0].tolist(), abs=1e-5)


def test_the_table_is_what_the_encoder_says(built: Any) -> None:
    """The nearest of fifty words agree; principal components differ in sign and last digits from machine to machine."""
    words = Tokenizer.from_file(str(FOLDER / "tokenizer.json")).get_vocab()
    chosen = sorted(words, key=words.__getitem__)[300:350]
    script = f"vectors([embedding.tokens()[word] for word in {chosen!r}]).tobytes()"
    encoded = np.frombuffer(built("embedding", script), np.float32).reshape(len(chosen), -1)
    parts = {item.name: numpy_helper.to_array(item) for item in onnx.load(FOLDER / "model.onnx").graph.initializer}
    table = parts["table"][[words[word] for word in chosen]] * parts["scale"]
    assert np.corrcoef(_cosines(encoded), _cosines(table))[0, 1] > 0.8


def test_the_tokenizer_is_the_builders(built: Any) -> None:
    assert built("embedding", "tokenizer().to_str().encode()") == (FOLDER / "tokenizer.json").read_bytes()


def _cosines(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray((centred @ centred.T)[np.triu_indices(len(rows), 1)])
