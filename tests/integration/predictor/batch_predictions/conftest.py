import os
from pathlib import Path

import pytest

from batchtables import Case, batch, write
from onnxmodels import classifier


@pytest.fixture
def case(tmp_path: Path) -> Case:
    classifier(tmp_path / "model.onnx")
    tabular = {"entityKey": "match_id", "features": ["a", "b"], "defaults": {"b": 0.25}}
    return write(tmp_path, preprocessing={"tabular": tabular}, batch=batch())


@pytest.fixture(autouse=True)
def no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
