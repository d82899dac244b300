from collections.abc import Iterator
from pathlib import Path

import pytest

import onnxmodels
from predictorserver import Server, serve

EXAMPLES = Path(__file__).parents[3] / "examples"


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of several inputs and outputs, strings among them."""
    folder = tmp_path_factory.mktemp("several")
    onnxmodels.several(folder / "model.onnx")
    return folder
