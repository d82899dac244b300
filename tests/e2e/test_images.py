"""The images on the node, as docs/images.md describes them: what runs in them, what is not in them, and a model in one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import onnxruntime
import pytest
import yaml

from docblocks import ROOT, blocks
from testcluster.e2e.cluster import Cluster
from testcluster.e2e.models_claim import EXAMPLES
from testcluster.e2e.native import NativeCluster
from testcluster.errors import ClusterError
from testcluster.native import archives, images, sboms
from testcluster.waiting import eventually

PROGRAMS = ("operator", "predictor")
NAMESPACE = "e2e-images"
MEGABYTES = {"operator": 200, "predictor": 700}
"""The issue's limits for whole images."""
OURS = {"operator": 40, "predictor": 560}
"""What our layers have at most, without the base."""
INSTALLED = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
TOOLS = ("pip", "pip3", "gcc", "cc", "g++", "c++", "clang", "make", "ld", "as", "rustc", "go", "git", "curl", "wget")
MODULES = ("pip", "ensurepip", "setuptools", "wheel", "cyclonedx_py")
Run = Callable[..., str]


def pod(program: str, image: str) -> dict[str, Any]:
    """A pod that is as closed as the restricted standard and a read-only root make it, and sleeps."""
    closed = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    container = {"name": "main", "image": image, "command": ["sleep", "3600"], "securityContext": closed}
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": security, "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": program}, "spec": spec}


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> Iterator[Cluster]:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    try:
        cluster.apply(*(pod(name, image) for name, image in cluster.images().items()), namespace=NAMESPACE)
        cluster.kubectl("wait", "--for=condition=Ready", "pod", "--all", "-n", NAMESPACE, "--timeout=120s")
        yield cluster
    finally:
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(pods: Cluster, program: str) -> Run:
    return lambda *command: pods.kubectl("exec", "-n", NAMESPACE, program, "--", *command)


@pytest.fixture
def archive(cluster: Cluster, program: str) -> Path:
    if not isinstance(cluster, NativeCluster):
        pytest.skip(f"only our own node keeps its images as archives; this is a {cluster.kind} cluster")
    return images.build([program])[program].archive


def test_nobody_runs_it_and_nothing_can_be_written(run: Run) -> None:
    assert run("python", "-c", "import getpass, os; print(os.getuid(), os.getgid(), getpass.getuser())") == (
        "65532 65532 gpux\n"
    )
    # in one go: each place that a process would write to
    probe = "import os; print([p for p in ('/', '/venv', '/venv/bin', '/usr', '/etc', '/root', '/home') if os.access(p, os.W_OK)])"
    assert run("python", "-c", probe) == "[]\n"


def test_the_image_itself_belongs_to_root(archive: Path) -> None:
    """Also where the root file system is not mounted read-only, the program cannot change what it runs."""
    ours = {path: text for path, text in archives.files(archive).items() if path.startswith(("venv", "usr/share/sbom"))}
    assert len(ours) > 500
    assert [path for path, text in ours.items() if " 0:0 " not in text] == []
    loose = [path for path, text in ours.items() if not text.startswith("2 ") and int(text.split()[1], 8) & 0o022]
    assert loose == []


def test_no_compiler_and_no_installer(run: Run, program: str) -> None:
    found = f"import shutil; print([t for t in {TOOLS} if shutil.which(t, path='/venv/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin')])"
    assert run("python", "-c", found) == "[]\n"
    modules = f"import importlib.util as u; print([m for m in {MODULES} if u.find_spec(m)])"
    assert run("python", "-c", modules) == "[]\n"
    base = run("python", "-c", "import os, sys; print(os.path.realpath(sys.executable))").strip()
    assert run(base, "-c", modules) == "[]\n", "the base's own Python"


def test_the_bill_of_materials_is_what_is_installed(run: Run, program: str) -> None:
    bill = json.loads(run("cat", f"/usr/share/sbom/gpux-{program}.cdx.json"))
    assert bill["bomFormat"] == "CycloneDX"
    installed = json.loads(run("python", "-c", INSTALLED))
    assert {f"gpux-{program}", "gpux-api", "pydantic"} <= set(installed)
    assert sboms.packages(bill) == installed
    purls = [item["purl"] for item in bill["components"] if item["name"] != "gpux-api"]
    assert all(purl.startswith("pkg:pypi/") for purl in purls)


def test_the_image_is_small_and_names_its_bill(archive: Path, program: str) -> None:
    base, *ours = archives.layers(archive)
    assert sum(ours) < OURS[program] * 1e6
    assert base + sum(ours) < MEGABYTES[program] * 1e6
    labels = archives.config(archive)["Labels"]
    assert labels[sboms.LABEL] == f"/usr/share/sbom/gpux-{program}.cdx.json"
    assert labels["org.opencontainers.image.title"] == f"gpux-{program}"


def test_the_health_check_is_in_the_image(archive: Path, program: str) -> None:
    assert archives.config(archive)["Healthcheck"]["Test"] == ["CMD", *images.healthcheck(program)]


def test_the_health_check_fails_where_nothing_answers(run: Run, program: str) -> None:
    with pytest.raises(ClusterError, match=r"Connection refused(.|\n)*exit code 1\b"):
        run(*images.healthcheck(program))


def test_the_operators_health_check_passes(installed: Cluster) -> None:
    installed.kubectl("exec", "-n", "gpux-system", "deploy/gpux", "--", *images.healthcheck("operator"))


@pytest.mark.parametrize("program", ["operator"])
def test_an_image_that_is_built_again_has_the_same_files(archive: Path, program: str, tmp_path: Path) -> None:
    """Of the operator, without any layer of the first build; the predictor's takes minutes and is made in the same way."""
    again = tmp_path / "again.tar"
    images.build_again(program, again)
    first, second = archives.files(archive), archives.files(again)
    assert {path for path in first.keys() | second.keys() if first.get(path) != second.get(path)} == set()
    assert len(first) > 3000


def test_a_model_in_the_image(installed: Cluster, namespace: str, tmp_path: Path) -> None:
    """The Dockerfile and the manifest of docs/images.md, with the model of an example; and the predictor's health check there."""
    if not installed.takes_images:
        pytest.skip(f"a {installed.kind} cluster takes no image from here")
    shown = {block.language: block.text for block in blocks(ROOT / "docs" / "images.md")}
    context = tmp_path / "baked"
    context.mkdir()
    (context / "Dockerfile").write_text(shown["dockerfile"])
    (context / "model.onnx").write_bytes((EXAMPLES / "digits" / "model.onnx").read_bytes())
    model = yaml.safe_load(shown["yaml"])
    name = model["metadata"]["name"]
    model["spec"]["serving"]["image"] = installed.image_on_predictor(context)
    installed.apply(model, namespace=namespace)
    try:
        installed.kubectl("wait", "--for=condition=Ready", f"gpuxmodel/{name}", "-n", namespace, "--timeout=180s")
        host = str(urlsplit(installed.get("gpuxmodel", name, namespace)["status"]["url"]).hostname)
        session = onnxruntime.InferenceSession(context / "model.onnx", providers=["CPUExecutionProvider"])
        image = np.random.default_rng(1).random((1, 1, 8, 8), dtype=np.float32)
        [expected] = session.run(None, {"image": image})
        body = {"image": image.tolist()}
        answer = eventually(
            lambda: installed.http(host, "/predict", "POST", json=body).raise_for_status().json(),
            30,
            "the model answers through the ingress",
        )
        np.testing.assert_allclose(answer["probabilities"], expected[0], atol=1e-6)
        assert installed.http(host, "/info").json()["path"] == "/models/model.onnx"
        installed.kubectl("exec", "-n", namespace, f"deploy/{name}-predictor", "--", *images.healthcheck("predictor"))
    finally:
        installed.kubectl("delete", "gpuxmodels", "--all", "-n", namespace, "--wait")
