"""`gpux-predictor check`: the same verdict as /health, on real files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

import onnxmodels
from gpux_predictor.__main__ import main

EXAMPLES = Path(__file__).parents[4] / "examples"


def manifest(folder: Path, **spec: Any) -> Path:
    onnxmodels.identity(folder / "model.onnx")
    path = folder / "model.yaml"
    full = {"model": {"source": {"uri": "file://."}}} | spec
    document = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "same"}, "spec": full}
    path.write_text(yaml.safe_dump(document))
    return path


def sample(value: float, expected: float) -> dict[str, Any]:
    return {"request": {"x": [[value, 2.0]]}, "response": {"y": [[expected, 2.0]]}}


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/gpuxmodel.yaml")))
def test_the_examples_are_ready(name: str) -> None:
    done = check(EXAMPLES / name / "gpuxmodel.yaml", "--model-dir", EXAMPLES / name)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].endswith(" is ready")


def test_what_is_printed_of_a_model_that_is_ready(tmp_path: Path) -> None:
    done = check(manifest(tmp_path, samples=[sample(1.0, 1.0)]))
    lines = done.stdout.splitlines()
    assert "provider  CPUExecutionProvider" in lines
    assert any(line.startswith("batching  up to ") and "the same apart and together" in line for line in lines)
    assert "input   x     float32  [-1, 2]" in lines
    assert "spec.samples[0]  as expected  ok" in lines
    assert lines[-1] == "same is ready"


def test_every_sample_is_run(tmp_path: Path) -> None:
    done = check(manifest(tmp_path, samples=[sample(1.0, 1.0), sample(1.0, 5.0), sample(2.0, 3.0)]))
    assert done.exit_code == 1
    assert "spec.samples[1]  response.y[0][0]: expected 5.0 ± 0.001, got 1.0  wrong" in done.stdout
    assert "spec.samples[2]  response.y[0][0]: expected 3.0 ± 0.001, got 2.0  wrong" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("same is not ready: SampleFailed: spec.samples[1]: response.y[0][0]: expected 5.0")


def test_json(tmp_path: Path) -> None:
    done = check(manifest(tmp_path, samples=[sample(1.0, 1.0), sample(1.0, 5.0)]), "--output", "json")
    found = json.loads(done.stdout)
    assert (found["ready"], found["reason"], found["loaded"]) == (False, "SampleFailed", True)
    assert found["batching"]["enabled"]
    assert [item["ok"] for item in found["samples"]] == [True, False]
    assert found["samples"][1]["expected"] == {"y": [[5.0, 2.0]]}
    assert found["samples"][1]["found"] == {"y": [[1.0, 2.0]]}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"inputs": [{"name": "z"}]},
            "SchemaMismatch: the manifest disagrees with the graph: input 'z' is not in the graph",
        ),
        ({"model": {"source": {"uri": "file://nowhere"}}}, "ModelFileNotFound: "),
        ({"model": {"source": {"uri": "file://.", "sha256": "0" * 64}}}, "ChecksumMismatch: "),
        ({"preprocessing": {"text": {}}}, "ModelFileNotFound: tokenizer.json is not in the source"),
        ({"runtime": {"gpu": {"backend": "cuda"}}}, "ProviderUnavailable: "),
    ],
)
def test_the_reasons_of_health(tmp_path: Path, spec: dict[str, Any], words: str) -> None:
    done = check(manifest(tmp_path, **spec))
    assert done.exit_code == 1
    assert done.stdout.startswith(f"same is not ready: {words}")
    found = json.loads(check(manifest(tmp_path, **spec), "-o", "json").stdout)
    assert (found["ready"], found["loaded"], found["samples"]) == (False, False, [])
    assert found["reason"] == words.partition(":")[0]


def test_a_sample_that_takes_too_long_stops_no_other(tmp_path: Path) -> None:
    requests = [{"x": [0.0, 0.0], "count": [count]} for count in (2_000_000_000, 1)]
    samples = [{"request": request, "response": {"y": [0.0, 0.0]}} for request in requests]
    path = manifest(tmp_path, runtime={"timeoutSeconds": 1}, samples=samples)
    onnxmodels.slow(tmp_path / "model.onnx", None)
    done = check(path)
    too_long = "its run took longer than runtime.timeoutSeconds, which would be a 504"
    assert f"spec.samples[0]  {too_long}  wrong" in done.stdout
    assert re.search(r"^spec\.samples\[1\]  as expected +ok$", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-1] == f"same is not ready: SampleFailed: spec.samples[0]: {too_long}"


def test_a_wrong_manifest_costs_no_import(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("kind: GpuxModel\n")
    program = "import sys; from gpux_predictor.__main__ import main\ntry: main()\nfinally: "
    program += "print(sorted({'kserve', 'onnxruntime', 'numpy', 'pyarrow'} & set(sys.modules)))"
    for command in ("check", "bench", "serve"):
        done = subprocess.run(
            [sys.executable, "-c", program, command, str(path)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "[]\n")
        assert done.stderr.startswith(f"gpux-predictor: {path}: expected apiVersion")


def test_usage() -> None:
    assert check().exit_code == 2
