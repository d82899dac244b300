"""`gpux-operator validate`: each kind of answer, and where it says that it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gpux_operator.__main__ import main

SAMPLES = Path(__file__).parents[3] / "crds" / "samples"
EXAMPLES = Path(__file__).parents[3] / "examples"


def validate(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["validate", *map(str, arguments)], input=stdin)


def model(name: str = "m", metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    full = {"model": {"source": {"uri": "s3://b/m"}}, **spec}
    return {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": name, **(metadata or {})},
        "spec": full,
    }


def lines(*documents: Any, **options: str) -> list[str]:
    """What is said of documents on standard input, without where they are from."""
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    found = validate("-", *arguments, stdin=yaml.safe_dump_all(documents))
    assert found.exit_code == (1 if any("warning: " not in line for line in found.stdout.splitlines()) else 0)
    return found.stdout.splitlines()


def test_examples_are_valid_without_a_warning() -> None:
    done = validate(EXAMPLES)
    assert (done.exit_code, done.stdout) == (0, "")
    models = sum("kind: GpuxModel" in path.read_text() for path in EXAMPLES.rglob("*.yaml"))
    assert done.stderr == f"{models} GpuxModels, 0 problems, 0 warnings\n"


@pytest.mark.parametrize("path", sorted((SAMPLES / "invalid").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_corpus_is_refused_with_its_words(path: Path) -> None:
    done = validate(path)
    assert done.exit_code == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{path}:1: ")
    assert path.read_text().splitlines()[0].removeprefix("# expect: ") in line


@pytest.mark.parametrize("path", sorted((SAMPLES / "valid").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_corpus_is_accepted_but_for_what_no_cluster_runs(path: Path) -> None:
    done = validate(path)
    wrong = [line for line in done.stdout.splitlines() if "warning: " not in line]
    cluster = ("file:// is for runs on one machine", "does not exist on Linux nodes", "characters together")
    assert all(any(words in line for words in cluster) for line in wrong)
    assert done.exit_code == (1 if wrong else 0)


def test_a_line_names_file_document_and_field(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump_all([{"kind": "Secret"}, model(), model("b", serving={"replica": 1, "port": 80})]))
    done = validate(path)
    assert done.stdout.splitlines() == [
        f"{path}:3: spec.serving.port: Input should be greater than or equal to 1024",
        f"{path}:3: spec.serving.replica: unknown field: did you mean replicas?",
    ]
    assert done.stderr == "2 GpuxModels, 2 problems, 0 warnings\n"


def test_the_rules_of_a_cluster() -> None:
    (line,) = lines(model("m" * 48))
    assert line.startswith("stdin:1: the name and the namespace 'default' have 55 characters together")
    assert lines(model("m" * 48), namespace="abcd") == []
    (line,) = lines(model(model={"source": {"uri": "file:///x"}}))
    assert line.startswith("stdin:1: spec.model.source.uri: file:// is for runs on one machine")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"namespace": "Prod"}, "metadata.namespace: 'Prod' is no name of a namespace"),
        ({"labels": {"version": 1.0}}, "metadata.labels.version: must be text, found float: put it into quotes"),
        ({"labels": {"team": "a b"}}, "metadata.labels.team: 'a b' is no label"),
        ({"labels": ["a"]}, "metadata.labels: expected names with texts, found list"),
        ({"annotations": {"a b": "c"}}, "metadata.annotations.a b: the name must be letters"),
        ({"annotations": {"a": "x" * 300_000}}, "metadata.annotations: have 300001 bytes"),
    ],
)
def test_metadata(metadata: dict[str, Any], words: str) -> None:
    (line,) = lines(model(metadata=metadata))
    assert line.startswith(f"stdin:1: {words}")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (model() | {"status": {"replicas": 1}}, "status: is the operator's"),
        (
            model(runtime={"gpu": {"count": 2}}, rollout={"strategy": "RollingUpdate"}),
            "spec.rollout.strategy: a new pod starts before an old one goes, which needs 2 spare nvidia.com/gpu",
        ),
        (
            model(runtime={"batching": {"maxSize": 1, "maxDelayMilliseconds": 5}}),
            "spec.runtime.batching.maxDelayMilliseconds: requests wait for others",
        ),
        (
            model(runtime={"batching": {"maxSize": 32}, "queue": {"maxRequests": 8}}),
            "spec.runtime.queue.maxRequests: 8 waiting requests never fill a batch of 32",
        ),
    ],
)
def test_warnings_are_no_problems(document: dict[str, Any], words: str) -> None:
    (line,) = lines(document)
    assert line.startswith(f"stdin:1: warning: {words}")


def test_the_same_model_twice() -> None:
    assert lines(model(), model(metadata={"namespace": "other"}), model()) == [
        "stdin:3: warning: metadata.name: default/m is in stdin:1 too: what is applied last counts"
    ]


def test_changes_that_are_refused(tmp_path: Path) -> None:
    before = tmp_path / "now.yaml"
    stored = model(metadata={"namespace": "default", "uid": "1", "managedFields": []}, serving={"port": 8080})
    before.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [stored | {"status": {}}]}))
    (line,) = lines(model(serving={"port": 9000}), against=str(before))
    assert line.startswith("stdin:1: spec.serving: port cannot be changed while the model serves")
    assert (
        lines(model(serving={"replicas": {"min": 2}}), model("new", serving={"port": 9000}), against=str(before)) == []
    )
    (line,) = lines(model(), against=str(tmp_path / "none.yaml"))
    assert line == f"{tmp_path / 'none.yaml'}: No such file or directory"


def test_folders_and_lists(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "kustomization.yaml").write_text("resources: [below]\n")
    (tmp_path / "notes.txt").write_text("a: [")
    bad = model("b", serving={"port": 80})
    (tmp_path / "below" / "m.json").write_text(json.dumps({"kind": "List", "items": [model(), bad]}))
    done = validate(tmp_path)
    assert done.stdout.startswith(f"{tmp_path}/below/m.json:1:items[1]: spec.serving.port: ")
    assert done.stderr == "2 GpuxModels, 1 problem, 0 warnings\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("kind: Secret\n", "holds no GpuxModel"),
        ("a: [\n", "not YAML: "),
        ("- 1\n", "expected a GpuxModel object"),
        ("", "holds no"),
    ],
)
def test_files_without_a_model(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(content)
    done = validate(path)
    assert done.exit_code == 1
    assert words in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_an_empty_folder(tmp_path: Path) -> None:
    assert validate(tmp_path).stdout == f"{tmp_path}: holds no GpuxModel\n"


def test_json() -> None:
    done = validate("-", "--output", "json", stdin=yaml.safe_dump(model(serving={"ports": 1})))
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "valid": False,
        "models": 1,
        "findings": [
            {
                "file": "stdin",
                "document": 1,
                "item": None,
                "severity": "error",
                "path": "spec.serving.ports",
                "message": "unknown field: did you mean port?",
            }
        ],
    }


def test_usage() -> None:
    assert validate().exit_code == 2
    assert validate("-", "--against", "-").exit_code == 2
