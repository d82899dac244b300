"""Reading manifests, and the words for what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from gpux_api.manifests import ManifestError, documents, load, parse
from gpux_api.v1alpha1 import GpuxModelStatus


def manifest(**spec: Any) -> dict[str, Any]:
    full = {"model": {"source": {"uri": "s3://bucket/model"}}, **spec}
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": full}


def error(document: object, origin: str = "m.yaml") -> list[str]:
    with pytest.raises(ManifestError) as caught:
        parse(document, origin)
    return str(caught.value).splitlines()


def test_the_smallest_model_and_its_defaults() -> None:
    spec = parse(manifest()).spec
    assert (spec.serving.port, spec.serving.replicas.min, spec.serving.visibility) == (8080, 1, "Public")
    assert (spec.runtime.timeout_seconds, spec.rollout.strategy, spec.model.format) == (30, "auto", "onnx")


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_not_an_object(document: object) -> None:
    assert error(document) == [f"m.yaml: expected a GpuxModel object, found {type(document).__name__}"]


@pytest.mark.parametrize(("key", "value"), [("apiVersion", "gpux.io/v1"), ("kind", "Model"), ("kind", None)])
def test_another_kind(key: str, value: object) -> None:
    (line,) = error({**manifest(), key: value})
    assert line.startswith("m.yaml: expected apiVersion gpux.io/v1alpha1 and kind GpuxModel, found")


def test_each_problem_is_a_line_with_its_path() -> None:
    lines = error(manifest(serving={"port": 80, "replica": 1}, inputs=[{"name": "a", "shape": [1, -2]}]))
    assert lines == [
        "m.yaml: spec.inputs[0].shape[1]: Input should be greater than or equal to -1",
        "m.yaml: spec.serving.port: Input should be greater than or equal to 1024",
        "m.yaml: spec.serving.replica: unknown field: did you mean replicas?",
    ]


def test_a_rule_says_what_to_write() -> None:
    assert error(manifest(model={"source": {"uri": "http://x"}})) == [
        "m.yaml: spec.model.source: uri must start with s3://, gs://, hf://, https://, pvc:// or file://, followed by a location"
    ]


def test_a_duplicate_is_the_later_item_s() -> None:
    assert error(manifest(inputs=[{"name": "a"}, {"name": "b"}, {"name": "a"}])) == [
        "m.yaml: spec.inputs[2]: name 'a' is there twice: remove one"
    ]


def test_a_set_has_each_item_once() -> None:
    assert error(manifest(serving={"protocols": ["v1", "v2", "v1"]})) == [
        "m.yaml: spec.serving.protocols[2]: 'v1' is there twice: remove one"
    ]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have(number: float) -> None:
    (line,) = error(manifest(preprocessing={"tabular": {"features": ["a"], "defaults": {"a": number}}}))
    assert line == "m.yaml: spec.preprocessing.tabular.defaults.a: Input should be a finite number"


def test_keys_of_free_objects_become_text_as_kubectl_makes_them() -> None:
    written = {"probabilities": {0: 0.5, 1.5: 1, True: [{None: 2}]}}
    samples = parse(manifest(samples=[{"request": {1: 2}, "response": written}])).spec.samples
    assert samples is not None
    assert samples[0].request == {"1": 2}
    assert samples[0].response == {"probabilities": {"0": 0.5, "1.5": 1, "true": [{"null": 2}]}}


def test_python_s_own_names_are_no_fields() -> None:
    assert error(manifest(runtime={"timeout_seconds": 5})) == [
        "m.yaml: spec.runtime.timeout_seconds: unknown field: did you mean timeoutSeconds?"
    ]


def test_a_null_is_a_field_left_out() -> None:
    assert parse(manifest(runtime=None)) == parse(manifest())


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for name, content, words in (("a", b"a: [", "not YAML"), ("b", b"\xff\xfe\xff", "not YAML")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ManifestError, match=words):
            documents(path)
    with pytest.raises(ManifestError, match="No such file"):
        documents(tmp_path / "none")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [1\n", "line 2, column 1: expected ',' or ']', but got '<stream end>' while parsing a flow sequence that begins in line 1"),
        ("a: b: c\n", "line 1, column 5: mapping values are not allowed here"),
        ("a: !x 1\n", "line 1, column 4: could not determine a constructor for the tag '!x'"),
        ("a: \x00\n", "unacceptable character #x0000: special characters are not allowed in \"<unicode string>\", position 3"),
    ],
)  # fmt: skip
def test_what_is_not_yaml_is_said_in_a_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(content)
    with pytest.raises(ManifestError) as refused:
        documents(path)
    assert str(refused.value) == f"{path}: not YAML: {said}"


def test_load_finds_the_one_model_of_a_file(tmp_path: Path) -> None:
    model = 'apiVersion: gpux.io/v1alpha1\nkind: GpuxModel\nmetadata: {name: m}\nspec: {model: {source: {uri: "s3://b/m"}}}\n'
    path = tmp_path / "m.yaml"
    path.write_text("kind: Secret\n---\n" + model + "---\n")
    assert load(path).metadata.name == "m"
    path.write_text(model + "---\n" + model)
    with pytest.raises(ManifestError, match="expected one GpuxModel, found 2"):
        load(path)
    path.write_text("")
    with pytest.raises(ManifestError, match="expected one GpuxModel, found 0"):
        load(path)


def test_metadata_keeps_what_it_does_not_know() -> None:
    document = manifest()
    document["metadata"] |= {"labels": {"a": "b"}, "managedFields": []}
    parse(document)


def test_a_status_reads_back_as_it_is_written() -> None:
    stored = {
        "observedGeneration": 2,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "R",
                "message": "",
                "observedGeneration": 2,
                "lastTransitionTime": "2030-01-02T03:04:05Z",
            }
        ],
        "replicas": 1,
    }
    assert GpuxModelStatus.model_validate(stored).model_dump(mode="json", by_alias=True, exclude_none=True) == stored
