"""A backend other than ONNX Runtime's own on the CPU: the path of a provider from the manifest to the nodes, for real.

`onnxruntime-openvino` carries the same package `onnxruntime` with another provider in it; here it stands before the installed one.
"""

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml

from predictorserver import Server, serve
from testcluster.tools import cache_folder

EXAMPLES = Path(__file__).parents[3] / "examples"
REQUIREMENTS = Path(__file__).parent / "openvino.txt"
PROVIDER = "OpenVINOExecutionProvider"

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.platform != "linux",
    reason="onnxruntime-openvino has no wheel for this machine",
)


@pytest.fixture(scope="module")
def package() -> Path:
    """A folder with the package, downloaded once into the cache."""
    text = REQUIREMENTS.read_bytes() + sys.version.encode()
    folder = cache_folder() / "openvino" / hashlib.sha256(text).hexdigest()[:16]
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}")
        install = ["install", "--quiet", "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS)]
        subprocess.run([sys.executable, "-m", "pip", *install, "--target", str(partial)], check=True)
        partial.rename(folder)
    return folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The example digits, with the backend openvino."""
    content = yaml.safe_load((EXAMPLES / "digits" / "gpuxmodel.yaml").read_text())
    content["spec"].setdefault("runtime", {})["gpu"] = {"backend": "openvino"}
    file = tmp_path / "gpuxmodel.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_openvino_runs_the_nodes(
    package: Path, manifest: Path, digits: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(5).integers(0, 17, (3, 1, 8, 8)).tolist()
    monkeypatch.setenv("PYTHONPATH", str(package), prepend=os.pathsep)
    with serve(manifest, "--model-dir", str(EXAMPLES / "digits")) as server:
        info = server.http.get("/info").json()
        assert info["provider"] == PROVIDER
        assert PROVIDER in info["placement"]
        for image in pixels:
            assert_alike(server.http, digits.http, {"image": image})


def assert_alike(one: httpx.Client, other: httpx.Client, body: object) -> None:
    found, expected = one.post("/predict", json=body), other.post("/predict", json=body)
    assert found.status_code == expected.status_code == 200, found.text
    assert list(found.json()) == list(expected.json())
    for name, values in expected.json().items():
        np.testing.assert_allclose(found.json()[name], values, rtol=1e-4, atol=1e-5)
