from collections.abc import Iterator
from pathlib import Path

import pytest

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
