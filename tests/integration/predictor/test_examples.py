"""The committed example models are what their scripts build, from data that packages carry."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.datasets import load_digits

from gpux_api.manifests import load

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
DIGITS = [EXAMPLES / name / "model.onnx" for name in ("digits", "digits-image")]


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in EXAMPLES.glob("*/gpuxmodel.yaml")), ids=lambda path: path.name
)
def test_manifest_and_model(folder: Path) -> None:
    assert load(folder / "gpuxmodel.yaml").spec.model.source.uri == f"pvc://models/{folder.name}"
    assert (folder / "model.onnx").stat().st_size < 1_000_000
    onnx.checker.check_model(onnx.load(folder / "model.onnx"), full_check=True)


@pytest.mark.parametrize("builder", ["sentiment", "review", "match_outcome"])
def test_the_model_is_what_its_builder_builds(built: Any, builder: str) -> None:
    model = onnx.load_from_string(built(builder, "build().SerializeToString()"))
    assert model.graph == onnx.load(EXAMPLES / builder.replace("_", "-") / "model.onnx").graph


def test_the_tokenizer_is_the_packages(built: Any) -> None:
    file = EXAMPLES / "review" / "tokenizer.json"
    assert built("review", "tokenizer()") == file.read_bytes()
    assert file.stat().st_size < 1_000_000


def test_the_digits_models_know_their_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training differs in the last digits from machine to machine: what the model can do is what counts."""
    monkeypatch.syspath_prepend(EXAMPLES.parent)
    builder = import_module("examples.builders.digits")
    network, accuracy = builder.train()
    assert accuracy > 0.95
    images, labels = load_digits(return_X_y=True)
    pictures = (images / 16).astype(np.float32).reshape(-1, 1, 1, 8, 8)
    models = [builder.build(network), builder.graph(network, "batch", "logits")]
    for model in (*(model.SerializeToString() for model in models), *DIGITS):
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        guesses = [int(np.argmax(session.run(None, {"image": picture})[0])) for picture in pictures]
        assert np.mean(np.array(guesses) == labels) > 0.97
