import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import onnxmodels
from predictorserver import Server, serve

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"


def _example(name: str) -> Iterator[Server]:
    with serve(EXAMPLES / name / "gpuxmodel.yaml", "--model-dir", str(EXAMPLES / name)) as server:
        yield server


@pytest.fixture(scope="session")
def sentiment() -> Iterator[Server]:
    yield from _example("sentiment")


@pytest.fixture(scope="session")
def digits() -> Iterator[Server]:
    yield from _example("digits")


@pytest.fixture(scope="session")
def review() -> Iterator[Server]:
    yield from _example("review")


@pytest.fixture(scope="session")
def digits_image() -> Iterator[Server]:
    yield from _example("digits-image")


@pytest.fixture(scope="session")
def match_outcome() -> Iterator[Server]:
    yield from _example("match-outcome")


@pytest.fixture(scope="session")
def penguins() -> Iterator[Server]:
    yield from _example("penguins")


@pytest.fixture(scope="session")
def same_digit() -> Iterator[Server]:
    yield from _example("same-digit")


@pytest.fixture(scope="session")
def embedding() -> Iterator[Server]:
    yield from _example("embedding")


@dataclass(frozen=True)
class Builders:
    """The examples' builders beside the packages that carry their data."""

    packages: Path

    def __call__(self, builder: str, expression: str) -> bytes:
        """The bytes that a builder's expression gives."""
        script = f"from examples.builders import {builder}; print(({builder}.{expression}).hex())"
        path = f"{self.packages}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        environment = {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, "-c", script]
        found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        return bytes.fromhex(found.stdout)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Builders:
    packages = tmp_path_factory.mktemp("packages")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(packages)]
    subprocess.run([sys.executable, *install, "-r", str(EXAMPLES / "requirements.txt")], check=True)
    return Builders(packages)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of several inputs and outputs, strings among them."""
    folder = tmp_path_factory.mktemp("several")
    onnxmodels.several(folder / "model.onnx")
    return folder
