"""`gpux-predictor import`: each field of a gpux.yml is in the manifest, or is named on stderr."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gpux_api.manifests import parse
from gpux_predictor.__main__ import main
from gpux_predictor.cli.conversion import convert

SMALLEST: dict[str, Any] = {
    "name": "m",
    "model": {"source": "./model.onnx"},
    "inputs": {"x": "float32"},
    "outputs": {"y": "float32"},
}
README = """
name: sentiment-analysis
version: 1.0.0
model:
  source: ./model.onnx
  format: onnx
inputs:
  text:
    type: string
    max_length: 512
    required: true
outputs:
  sentiment:
    type: float32
    shape: [1, 2]
    labels: [negative, positive]
runtime:
  gpu:
    memory: 2GB
    backend: auto
"""
TEMPLATE = """
name: model-name
version: 1.0.0
description: "Model description"
model:
  source: ./model.onnx
  format: onnx
inputs:
  input_name:
    type: float32
    shape: [1, 10]  # Adjust based on your model
    required: true
    description: "Input description"
outputs:
  output_name:
    type: float32
    shape: [1, 2]
    labels: [class1, class2]
    description: "Output description"
runtime:
  gpu:
    memory: 2GB
    backend: auto  # auto, cuda, coreml, rocm, vulkan, metal, dx12
  batch_size: 1
  timeout: 30
serving:
  port: 8080
  host: 0.0.0.0
  batch_size: 1
  timeout: 5
preprocessing:
  tokenizer: bert-base-uncased
  max_length: 512
  resize: [224, 224]
  normalize: imagenet
"""
EVERYTHING = yaml.safe_load(TEMPLATE) | {
    "metadata": {"author": "a"},
    "runtime": {
        "gpu": {"memory": "512MB", "backend": "cuda"},
        "batch_size": 8,
        "timeout": 20,
        "enable_profiling": True,
    },
    "serving": {"port": 9000, "host": "::", "batch_size": 16, "timeout": 5, "max_workers": 4},
    "preprocessing": {
        "tokenizer": "tok/tokenizer.json",
        "max_length": 64,
        "resize": [8, 9],
        "normalize": "imagenet",
        "custom": {"a": 1},
    },
}


def run(folder: Path, content: str) -> Result:
    path = folder / "gpux.yml"
    path.write_text(content)
    return CliRunner().invoke(main, ["import", str(path)])


def converted(**changes: Any) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """The spec of a valid manifest, what is lost and what is noted, by path."""
    manifest, notes = convert(SMALLEST | changes)
    parse(manifest)
    lost = {note.path: note.message for note in notes if note.lost}
    return manifest["spec"], lost, {note.path: note.message for note in notes if not note.lost}


def test_the_readme_s_file(tmp_path: Path) -> None:
    done = run(tmp_path, README)
    assert done.exit_code == 0
    assert yaml.safe_load(done.stdout) == {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "sentiment-analysis"},
        "spec": {
            "model": {"source": {"uri": "file://.", "path": "model.onnx"}, "version": "1.0.0"},
            "inputs": [{"name": "text", "type": "string", "required": True, "maxLength": 512}],
            "outputs": [
                {"name": "sentiment", "type": "float32", "shape": [1, 2], "labels": ["negative", "positive"]},
            ],
            "runtime": {"gpu": {"backend": "auto", "memory": "2Gi"}},
        },
    }


def test_the_template_of_gpux(tmp_path: Path) -> None:
    done = run(tmp_path, TEMPLATE)
    assert done.exit_code == 3
    model = parse(yaml.safe_load(done.stdout))
    assert model.metadata.model_dump()["annotations"] == {"kubernetes.io/description": "Model description"}
    assert (model.spec.runtime.timeout_seconds, model.spec.serving.port) == (30, 8080)
    lost = [line.split(": ")[2] for line in done.stderr.splitlines() if ": not converted: " in line]
    assert lost == ["preprocessing.tokenizer", "serving.timeout", "serving.host"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict) and path[-1:] not in {("custom",), ("metadata",)}:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path


@pytest.mark.parametrize("path", list(leaves(EVERYTHING)), ids=lambda path: ".".join(map(str, path)))
def test_no_field_goes_in_silence(path: tuple[Any, ...]) -> None:
    """Without it something is different: the manifest, or what is said."""
    without = copy.deepcopy(EVERYTHING)
    parent = without
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    defaults = {("model", "format")}  # onnx, which the API's default says too
    assert (convert(without) == convert(EVERYTHING)) is (path in defaults)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("./model.onnx", {"uri": "file://.", "path": "model.onnx"}),
        ("models/a.onnx", {"uri": "file://models", "path": "a.onnx"}),
        ("models\\a.onnx", {"uri": "file://models", "path": "a.onnx"}),
        ("/data/a.onnx", {"uri": "file:///data", "path": "a.onnx"}),
        ("models/bert", {"uri": "file://models/bert"}),
        ("https://h/a.onnx", {"uri": "https://h/a.onnx"}),
        ("hf://owner/name", {"uri": "hf://owner/name"}),
        ("s3://b/m", {"uri": "s3://b/m"}),
    ],
)
def test_sources(source: str, expected: dict[str, str]) -> None:
    spec, lost, hints = converted(model={"source": source})
    assert spec["model"]["source"] == expected
    assert not lost
    assert ("model.source" in hints) is expected["uri"].startswith("file:")


def test_tensors_as_lists_and_as_mappings() -> None:
    spec, lost, _ = converted(
        inputs=[{"name": "input:0", "type": "float", "shape": [None, 3]}, {"name": "n", "type": "long", "shape": []}],
        outputs={"y": "double", "z": {"type": "tensor(map)", "shape": ["batch", 2]}},
    )
    assert spec["inputs"] == [
        {"name": "input:0", "type": "float32", "shape": [-1, 3]},
        {"name": "n", "type": "int64", "shape": []},
    ]
    assert spec["outputs"] == [{"name": "y", "type": "float64"}, {"name": "z", "shape": [-1, 2]}]
    assert lost == {"outputs[1].type": "'tensor(map)' is no element type: the graph's is taken"}


def test_text() -> None:
    spec, lost, hints = converted(
        inputs={"text": {"type": "string"}}, preprocessing={"tokenizer": "./tokenizer.json", "max_length": 128}
    )
    assert spec["preprocessing"] == {"text": {"input": "text", "tokenizer": "tokenizer.json", "maxLength": 128}}
    assert "inputs" not in spec, "a text is none of the graph's"
    assert not lost
    assert "preprocessing.tokenizer" in hints


def test_what_is_left_out_beside_a_text_is_named() -> None:
    _, notes = convert(
        SMALLEST
        | {
            "inputs": {
                "text": {"type": "string", "max_length": 9, "description": "d"},
                "ids": "int64",
                "title": "string",
            },
            "preprocessing": {"tokenizer": "tokenizer.json"},
        }
    )
    lost = " ".join(note.message for note in notes if note.lost)
    for words in (
        "nothing is kept of 'ids'",
        "the description of 'text'",
        "of 'title' nothing is kept",
        "in characters, 9",
    ):
        assert words in lost


@pytest.mark.parametrize(
    ("shape", "more"),
    [
        ([-1, 3, 224, 224], {}),
        ([1, 224, 224, 3], {"layout": "NHWC"}),
        ([1, 1, 28, 28], {"color": "L"}),
        ([1, 28, 28, 1], {"layout": "NHWC", "color": "L"}),
    ],
)
def test_images(shape: list[int], more: dict[str, str]) -> None:
    spec, lost, _ = converted(
        inputs={"image": {"type": "float32", "shape": shape}}, preprocessing={"resize": [224, 224], "normalize": "0-1"}
    )
    assert spec["preprocessing"] == {"image": {"input": "image", "tensor": "image", "resize": [224, 224]} | more}
    assert not lost


def test_an_unknown_normalisation() -> None:
    _, lost, _ = converted(preprocessing={"resize": [8, 8], "normalize": "clip"})
    assert list(lost) == ["preprocessing.normalize"]


@pytest.mark.parametrize(
    ("gpu", "expected", "lost"),
    [
        ({"backend": "auto", "memory": "2GB"}, {"backend": "auto", "memory": "2Gi"}, []),
        ({"memory": "1.5gb"}, {"memory": "1.5Gi"}, []),
        ({"backend": "metal"}, {"backend": "coreml"}, []),
        ({"backend": "metal", "memory": "2GB"}, {"backend": "coreml"}, ["runtime.gpu.memory"]),
        ({"backend": "vulkan"}, {"backend": "auto"}, ["runtime.gpu.backend"]),
        ({"backend": "cuda", "memory": "lots"}, {"backend": "cuda"}, ["runtime.gpu.memory"]),
    ],
)
def test_gpus(gpu: dict[str, str], expected: dict[str, str], lost: list[str]) -> None:
    spec, found, _ = converted(runtime={"gpu": gpu})
    assert spec["runtime"]["gpu"] == expected
    assert list(found) == lost


def test_time_and_batches() -> None:
    spec, lost, _ = converted(runtime={"timeout": 10, "batch_size": 4}, serving={"batch_size": 32, "port": 80})
    assert spec["runtime"] == {"timeoutSeconds": 10, "batching": {"maxSize": 32}}
    assert "serving" not in spec
    assert list(lost) == ["serving.batch_size", "serving.port"]
    spec, lost, hints = converted(runtime={"batch_size": 1}, serving={"timeout": 5})
    assert spec["runtime"] == {"timeoutSeconds": 5}
    assert not lost
    assert "runtime.batch_size" in hints


def test_names_and_versions() -> None:
    manifest, notes = convert(
        SMALLEST | {"name": "My Model_v2", "version": 1.5, "model": {"source": "a.onnx", "version": "2"}}
    )
    assert manifest["metadata"]["name"] == "my-model-v2"
    assert (manifest["spec"]["model"]["name"], manifest["spec"]["model"]["version"]) == ("My Model_v2", "2")
    assert [note.path for note in notes if note.lost] == ["version"]


def test_what_nobody_knows_is_named() -> None:
    _, lost, _ = converted(colour="blue", runtime={"gpu": {"speed": 1}}, metadata={"author": "a"})
    assert sorted(lost) == ["colour", "metadata", "runtime.gpu.speed"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [", "not YAML"),
        ("- 1\n", "expected one mapping"),
        ("", "expected one mapping"),
        (
            "kind: Pod\nspec: {}\n",
            "expected one mapping with name, model, inputs and outputs, found a manifest of kind Pod",
        ),
        ("name: m\n", "spec.model.source: Field required"),
        ("name: '!'\nmodel: {source: a.onnx}\n", "metadata.name: "),
        ("name: m\nmodel: {source: ftp://a}\n", "uri must start with s3://"),
    ],
)
def test_no_manifest_can_be_made(tmp_path: Path, content: str, words: str) -> None:
    done = run(tmp_path, content)
    assert (done.exit_code, done.stdout) == (1, "")
    assert words in done.stderr
    assert all(line.startswith("gpux-predictor: ") for line in done.stderr.splitlines())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["import", str(tmp_path / "none.yml")])
    assert done.exit_code == 1
    assert "No such file" in done.stderr
