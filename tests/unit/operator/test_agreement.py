"""`validate`, `render` and the running operator say the same of a manifest, in a cluster that has all that a model can need.

What only some of them can know is left out: an object's metadata in general, which the API server checks, and a URL of Prometheus,
which all of them are given here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gpux_operator.__main__ import main
from gpux_operator.build.inference_service import Platform
from gpux_operator.build.metadata import MODE
from gpux_operator.build.modes import renamed
from gpux_operator.engine.queue import Key
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.engine.recorder import Recorder
from gpux_operator.kube.api import GPUX_MODELS

if TYPE_CHECKING:
    from datetime import datetime

    from tests.unit.operator.conftest import FakeApi, FakePredictors

    from gpux_operator.build.inference_service import Images

SAMPLES = Path(__file__).parents[3] / "crds" / "samples"
PROMETHEUS = "http://prometheus:9090"
CPU = {"min": 1, "max": 4, "target": {"metric": "cpu", "value": 80}}
KNATIVE = {"mode": "Knative"}
CANARY = {"canary": {"percent": 10}}
Manifest = dict[str, Any]


def model(**spec: Any) -> Manifest:
    full = {"model": {"source": {"uri": "s3://b/m"}}, **spec}
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": full}


CASES = {
    "plain": (model(), {"0.15": True, "0.16": True}),
    "suspended": (model(suspend=True), {"0.15": True, "0.16": True}),
    "autoscaled": (model(serving={"replicas": CPU}), {"0.15": True, "0.16": True}),
    "suspended and autoscaled": (model(serving={"replicas": CPU}, suspend=True), {"0.15": False, "0.16": True}),
    "canary": (model(serving=KNATIVE, rollout=CANARY), {"0.15": True, "0.16": True}),
    "suspended, Knative": (model(serving=KNATIVE, suspend=True), {"0.15": True, "0.16": True}),
    "suspended canary": (model(serving=KNATIVE, rollout=CANARY, suspend=True), {"0.15": False, "0.16": True}),
    "file": (model(model={"source": {"uri": "file:///m"}}), {"0.15": False, "0.16": False}),
    "a file in a claim": (model(model={"source": {"uri": "pvc://c/m.onnx"}}), {"0.15": False, "0.16": False}),
    "a claim twice": (
        model(
            model={"source": {"uri": "pvc://c/m"}},
            batch={
                "schedule": "0 5 * * *",
                "entities": {"uri": "s3://b/e.csv", "keyColumn": "id"},
                "output": {"uri": "pvc://c/out"},
            },
        ),
        {"0.15": False, "0.16": False},
    ),
    "a laptop's backend": (model(runtime={"gpu": {"backend": "coreml"}}), {"0.15": False, "0.16": False}),
    "a GPU among the resources": (
        model(serving={"resources": {"limits": {"nvidia.com/gpu": "1"}}}),
        {"0.15": False, "0.16": False},
    ),
    "KEDA": (
        model(serving={"replicas": {"min": 1, "max": 4, "target": {"metric": "queue", "value": 8}}}),
        {"0.15": True, "0.16": True},
    ),
}


def run(command: str, manifest: Manifest, *options: str) -> Result:
    return CliRunner().invoke(main, [command, "-", *options], input=yaml.safe_dump(manifest))


class Operator:
    """One that reconciles against the API server in memory."""

    def __init__(self, api: FakeApi, asking: FakePredictors, images: Images, now: datetime) -> None:
        self._api = api
        recorder = Recorder(api, "test", lambda: now)
        self._reconciler = Reconciler(api, Platform(images, PROMETHEUS), recorder, asking.predictors(), lambda: now)

    def objection(self, manifest: Manifest, kserve: str) -> str | None:
        """What it has against a manifest once KServe has said which mode it runs the model in; None: nothing."""
        key = Key("default", manifest["metadata"]["name"])
        self._api.store(GPUX_MODELS, {**manifest, "metadata": {**manifest["metadata"], "namespace": "default"}}, "user")
        outcome = self._reconciler.reconcile(key)
        if outcome.result != "problem":
            isvc = self._api.isvc(key)
            named = renamed(isvc) if kserve == "0.15" else isvc
            isvc["status"] = {"deploymentMode": named["metadata"]["annotations"][MODE]}
            outcome = self._reconciler.reconcile(key)
        conditions = {item["type"]: item for item in self._api.model(key)["status"]["conditions"]}
        if conditions["Accepted"]["reason"] == "FieldsIgnored":  # to a cluster this is no mistake, in a file it is
            return str(conditions["Accepted"]["message"])
        return str(conditions["Ready"]["message"]) if outcome.result == "problem" else None


@pytest.fixture
def operator(api: FakeApi, asking: FakePredictors, images: Images, now: datetime) -> Operator:
    return Operator(api, asking, images, now)


@pytest.mark.parametrize("kserve", ["0.15", "0.16"])
@pytest.mark.parametrize("case", CASES)
def test_the_three_agree(case: str, kserve: str, operator: Operator) -> None:
    manifest, fine = CASES[case]
    validated = run("validate", manifest, "--kserve", kserve, "-o", "json")
    rendered = run("render", manifest, "--kserve", kserve, "--prometheus-url", PROMETHEUS)
    objection = operator.objection(manifest, kserve)
    assert (validated.exit_code == 0, rendered.exit_code == 0, objection is None) == (fine[kserve],) * 3
    if objection is not None:
        (said,) = (item for item in json.loads(validated.stdout)["findings"] if item["severity"] == "error")
        words = f"{said['path']}: {said['message']}" if said["path"] else said["message"]
        assert (words, rendered.stderr) == (objection, f"stdin:1: {objection}\n")


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_they_agree_about_the_corpus(path: Path, operator: Operator) -> None:
    manifest = yaml.safe_load(path.read_text())
    validated = run("validate", manifest)
    rendered = run("render", manifest, "--prometheus-url", PROMETHEUS)
    objection = operator.objection(manifest, "0.16")
    assert validated.exit_code == rendered.exit_code
    assert rendered.exit_code == (0 if objection is None else 1), objection
    wrong = [line for line in validated.stdout.splitlines() if ": warning: " not in line]
    assert wrong == rendered.stderr.splitlines()
