"""The request log: off by default, one line a request, with the stages in it."""

import json
from pathlib import Path
from typing import Any

import pytest

import onnxmodels
from predictorserver import serve
from testcluster.waiting import SOON, eventually

MANIFEST = """
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {name: test}
spec: {model: {source: {uri: "file://model.onnx"}}}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    onnxmodels.identity(tmp_path / "model.onnx")
    path = tmp_path / "gpuxmodel.yaml"
    path.write_text(MANIFEST)
    return path


def test_the_request_log(manifest: Path) -> None:
    with serve(manifest, "--log-requests") as server:
        server.http.post("/predict", json={"x": [1, 2]})
        server.http.post("/predict", json={"x": "no"})

        def lines() -> list[dict[str, Any]]:
            found = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
            return [line for line in found if line["path"] == "/predict"]

        eventually(lambda: len(lines()) == 2, SOON, "a line follows its answer")
        predictions = lines()
    assert [line["status"] for line in predictions] == [200, 400]
    assert predictions[0]["method"] == "POST"
    assert {"time", "milliseconds", "queue", "preprocess", "run", "postprocess"} <= predictions[0].keys()


def test_no_log_by_default(manifest: Path) -> None:
    with serve(manifest) as server:
        server.http.post("/predict", json={"x": [1, 2]})
        assert '/predict"' not in server.log.read_text()
