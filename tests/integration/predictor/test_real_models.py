"""ONNX files that PyPI packages carry, served from a three-line spec, against onnxruntime on the same inputs."""

import hashlib
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from predictorserver import serve
from testcluster.tools import cache_folder

REQUIREMENTS = Path(__file__).parent / "real-models.txt"
RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.random(shape, dtype=np.float32)


AUDIO = {"input": floats(2, 512), "state": np.zeros((2, 2, 128), np.float32), "sr": np.array(16000)}
CASES: dict[str, dict[str, np.ndarray]] = {
    "silero_vad.onnx": AUDIO,
    "silero_vad_16k_op15.onnx": AUDIO,
    "silero_vad_half.onnx": {"input": floats(1, 512), "state": np.zeros((2, 1, 128), np.float32)},
    "silero_vad_16k_sequence.onnx": {
        name: floats(*shape) for name, shape in (("input", (3, 576)), ("h", (1, 1, 128)), ("c", (1, 1, 128)))
    },
    "320n.onnx": {"images": floats(1, 3, 320, 320)},
    "ch_ppocr_mobile_v2.0_cls_infer.onnx": {"x": floats(2, 3, 48, 192)},
    "ch_PP-OCRv4_rec_infer.onnx": {"x": floats(1, 3, 48, 100)},
    "ch_PP-OCRv4_det_infer.onnx": {"x": floats(1, 3, 96, 64)},
    "standard_v3_3/model.onnx": {"bytes": RANDOM.integers(0, 256, (2, 2048), dtype=np.int32)},
}


@pytest.fixture(scope="session")
def models() -> Path:
    """The unpacked *.onnx files of the packages, downloaded once into the cache."""
    text = REQUIREMENTS.read_bytes()
    folder = cache_folder() / "real-models" / hashlib.sha256(text).hexdigest()[:16]
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}")
        platform_option = (
            ["--platform", "manylinux_2_28_x86_64", "--only-binary", ":all:"] if platform.machine() == "x86_64" else []
        )
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "-r",
            str(REQUIREMENTS),
        ]
        subprocess.run([*command, *platform_option, "-d", str(partial)], check=True)
        for wheel in partial.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(partial, [name for name in archive.namelist() if name.endswith(".onnx")])
            wheel.unlink()
        partial.rename(folder)
    return folder


def answer(outputs: list[str], results: list[Any]) -> dict[str, Any]:
    return {name: result.tolist() for name, result in zip(outputs, results, strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_a_real_model(name: str, models: Path, tmp_path: Path) -> None:
    [file] = [path for path in models.rglob("*.onnx") if path.as_posix().endswith("/" + name)]
    manifest = tmp_path / "gpuxmodel.yaml"
    manifest.write_text(
        "apiVersion: gpux.io/v1alpha1\nkind: GpuxModel\nmetadata: {name: real}\n"
        f"spec:\n  model:\n    source:\n      uri: file://{file}\n"
    )
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    body = {key: value.tolist() for key, value in CASES[name].items()}
    with serve(manifest) as server:
        found = server.http.post("/predict", json=body)
        assert found.status_code == 200, found.text
        expected = answer(outputs, session.run(outputs, CASES[name]))
        assert list(found.json()) == outputs
        for output in outputs:
            np.testing.assert_allclose(np.array(found.json()[output]), np.array(expected[output]), rtol=1e-5, atol=1e-6)
        assert [item["name"] for item in server.http.get("/info").json()["outputs"]] == outputs
