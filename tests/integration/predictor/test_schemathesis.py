"""schemathesis with each kind of model: what its document promises holds for what it sends, right and wrong, and in any order.

Few examples with a fixed seed; CONTRIBUTING.md says how to look longer.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import batchtables
import onnxmodels
from predictorserver import Server, serve

PROGRAM = Path(sys.executable).parent / "schemathesis"
CONFIG = Path(__file__).parent / "schemathesis.toml"
SIZES_AGREE = '\n[[operations]]\ninclude-path-regex = "^/predict"\nchecks.positive_data_acceptance.enabled = false\n'
"""Inputs of one dimension, or files: a body that the schema takes may be a 400, as the document says."""
KEY = "a-key-for-schemathesis"


def check(server: Server, folder: Path, more: str = "") -> None:
    """Runs it on all operations; `more` is added to its settings."""
    document, config = folder / "openapi.json", folder / "schemathesis.toml"
    document.write_text(server.http.get("/openapi.json", headers={"X-API-Key": KEY}).text)
    config.write_text(CONFIG.read_text() + more)
    command = [str(PROGRAM), "--config-file", str(config), "run", str(document), "--url", str(server.http.base_url)]
    command += [f"--max-examples={os.environ.get('GPUX_SCHEMATHESIS_EXAMPLES', '10')}", "--seed=7", "--no-color"]
    command += ["--generation-database=none", "--continue-on-failure"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    count = sum(map(len, json.loads(document.read_text())["paths"].values()))
    assert f"Tested: {count}\n" in done.stdout, done.stdout


def test_a_text(review: Server, tmp_path: Path) -> None:
    check(review, tmp_path, SIZES_AGREE)


def test_an_image(digits_image: Server, tmp_path: Path) -> None:
    check(digits_image, tmp_path, SIZES_AGREE)


def manifest(folder: Path, **spec: object) -> Path:
    model = {"source": {"uri": "file://model.onnx"}}
    document = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "test"}}
    path = folder / "gpuxmodel.yaml"
    path.write_text(yaml.safe_dump(document | {"spec": {"model": model, **spec}}))
    return path


def test_tensors_and_a_list_of_tasks(tmp_path: Path) -> None:
    onnxmodels.several(tmp_path / "model.onnx")
    with serve(manifest(tmp_path, **{"async": {"listed": True}})) as server:
        check(server, tmp_path, SIZES_AGREE)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Server]:
    onnxmodels.classifier(tmp_path / "model.onnx")
    tabular = {"entityKey": "match_id", "features": ["a", "b"], "defaults": {"b": 0.25}}
    case = batchtables.write(tmp_path, preprocessing={"tabular": tabular}, batch=batchtables.batch())
    case.table("1,a,2026-01-01,1,2", "2,b,2026-01-02,3,4")
    case.run()
    with serve(case.manifest) as server:
        yield server


def test_features_and_predictions_ahead(table: Server, tmp_path: Path) -> None:
    check(table, tmp_path)


def test_keys(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "tester").write_text(KEY)
    access = {"apiKeys": {"secretRef": {"name": "callers"}}}
    with serve(manifest(tmp_path, access=access), "--api-keys-dir", str(tmp_path / "keys")) as server:
        check(server, tmp_path, f'\n[auth.openapi.apiKey]\napi_key = "{KEY}"\n')
