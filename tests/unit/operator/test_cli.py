"""The command: `render` without a cluster, and what it says of mistakes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gpux_operator.__main__ import main

MODEL = """
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {name: %s, uid: from-a-cluster}
spec: {model: {source: {uri: %s}}}
"""


def render(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["render", *map(str, arguments)])


def write(path: Path, name: str = "m", uri: str = "s3://b/m") -> Path:
    path.write_text(MODEL % (name, uri))
    return path


def test_yaml(tmp_path: Path) -> None:
    done = render(write(tmp_path / "m.yaml"), "--namespace", "prod", "--predictor-image", "img:1")
    assert done.exit_code == 0
    config_map, isvc = yaml.safe_load_all(done.stdout)
    assert (config_map["kind"], isvc["kind"]) == ("ConfigMap", "InferenceService")
    assert isvc["metadata"]["namespace"] == "prod"
    assert "ownerReferences" not in isvc["metadata"], "there is no cluster to own anything"
    assert isvc["spec"]["predictor"]["containers"][0]["image"] == "img:1"
    assert yaml.safe_load(config_map["data"]["model.yaml"])["spec"]["model"]["source"]["uri"] == "s3://b/m"


@pytest.mark.parametrize(
    ("release", "mode"),
    [
        (None, "Standard"),
        ("0.15", "RawDeployment"),
        ("v0.15.2", "RawDeployment"),
        ("v0.16.0-rc1", "Standard"),
        ("1.0", "Standard"),
    ],
)
def test_the_mode_has_the_name_that_the_release_of_kserve_knows(release: str | None, mode: str, tmp_path: Path) -> None:
    done = render(write(tmp_path / "m.yaml"), *(["--kserve", release] if release else []))
    isvc = next(item for item in yaml.safe_load_all(done.stdout) if item["kind"] == "InferenceService")
    assert isvc["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == mode


@pytest.mark.parametrize("release", ["0.14.1", "new", "0.15.2 or so"])
def test_another_release_of_kserve_is_a_mistake(release: str, tmp_path: Path) -> None:
    done = render(write(tmp_path / "m.yaml"), "--kserve", release)
    assert done.exit_code == 2
    assert "write 0.15, or v0.21.0" in " ".join(done.stderr.split())


def test_json_of_several_files_is_one_list(tmp_path: Path) -> None:
    done = render(write(tmp_path / "a.yaml", "a"), write(tmp_path / "b.yaml", "b"), "-o", "json")
    found = json.loads(done.stdout)
    assert [item["metadata"]["name"] for item in found["items"] if item["kind"] == "InferenceService"] == ["a", "b"]


def test_documents_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "m.yaml")
    path.write_text(path.read_text() + "---\nkind: Secret\n---\n")
    assert render(path).exit_code == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (MODEL % ("m", "ftp://x"), "spec.model.source: uri must start with"),
        (MODEL % ("m", "file:///x"), "file:// is for runs on one machine"),
        (MODEL % ("m" * 48, "s3://b/m"), "choose a name of at most"),
        ("kind: Secret\n", "holds no GpuxModel"),
        ("- 1\n", "expected a GpuxModel object, found list"),
        ("a: [\n", "not YAML"),
        (MODEL.replace("spec:", "spek:") % ("m", "s3://b/m"), "spek: unknown field"),
    ],
)
def test_a_mistake_is_named_on_stderr(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(content)
    done = render(path)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert words in done.stderr
    assert all(line.startswith(str(path)) for line in done.stderr.splitlines())


def test_standard_input_is_a_file_too() -> None:
    done = CliRunner().invoke(main, ["render", "-"], input=MODEL % ("m", "s3://b/m"))
    assert (done.exit_code, done.stderr) == (0, "")
    assert [item["metadata"]["name"] for item in yaml.safe_load_all(done.stdout)][-1] == "m"
    refused = CliRunner().invoke(main, ["render", "-"], input="kind: Secret\n")
    assert (refused.exit_code, refused.stderr) == (1, "stdin: holds no GpuxModel\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = render(tmp_path / "nothing.yaml")
    assert done.exit_code == 1
    assert "No such file" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["render"],
        ["render", "--bogus"],
        ["bogus"],
        ["run", "--workers", "0"],
        ["run", "--kubeconfig", "/none"],
        ["run", "--leader-elect"],
    ],
)
def test_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_no_way_to_a_cluster_is_said_in_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("{}")
    done = CliRunner().invoke(main, ["run", "--kubeconfig", str(empty)])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: cannot find a way to the API server")


def test_render_loads_neither_kopf_nor_the_kubernetes_client(tmp_path: Path) -> None:
    """It belongs into other people's pipelines: fast, and nothing that could reach for a cluster."""
    program = "import sys; from gpux_operator.__main__ import main; main(standalone_mode=False)"
    program += "; print(sorted({'kopf', 'kubernetes'} & set(sys.modules)))"
    command = [sys.executable, "-c", program, "render", str(write(tmp_path / "m.yaml"))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_GPUX_OPERATOR_COMPLETE={shell}_complete" in done.stdout


def test_validate_loads_neither_kopf_nor_the_kubernetes_client(tmp_path: Path) -> None:
    program = "import sys; from gpux_operator.__main__ import main\ntry: main()\nfinally: "
    program += "print(sorted({'kopf', 'kubernetes'} & set(sys.modules)))"
    command = [sys.executable, "-c", program, "validate", str(write(tmp_path / "m.yaml"))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {token: x}}]
"""


@pytest.mark.parametrize("option", ["--metrics-port", "--health-port"])
def test_a_port_that_is_taken_is_named_with_its_option(option: str, tmp_path: Path) -> None:
    """Two operators on a laptop."""
    login = tmp_path / "kubeconfig"
    login.write_text(KUBECONFIG)
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ports = {"--metrics-port": "0", "--health-port": "0", option: port}
        arguments = [f"--kubeconfig={login}", *(f"{name}={value}" for name, value in ports.items())]
        command = [str(Path(sys.executable).with_name("gpux-operator")), "run", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert (
        done.stderr == f"Error: cannot listen on port {port}: Address already in use. Choose another one by {option}\n"
    )
