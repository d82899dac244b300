"""Dashboards and rules against what the two programs really export, after all that can happen to them has happened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from batchinglab import spinning_graph
from chartfiles.fleet_dashboard import fleet
from chartfiles.grafana import expressions
from chartfiles.model_dashboard import model
from predictorserver import Server, serve
from promql import SCRAPED, exported, missing, wanted
from testcluster.chart import CHART, chart_manifests
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Kserve, Models, Operator

RULES = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
OPERATIONS = CHART.parents[1] / "docs" / "operations.md"
Pages = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model with a key, tasks, callbacks and results of a batch, which has answered, refused, failed and been asked too much."""
    folder = tmp_path_factory.mktemp("spin")
    spinning_graph(folder / "model.onnx")
    callbacks = {"secretRef": {"name": "hooks"}, "allowedNetworks": ["127.0.0.2/32"], "maxAttempts": 1}
    batch = {"output": {"uri": "file://results"}}
    access = {"apiKeys": {"secretRef": {"name": "callers"}}}
    spec = {
        "model": {"source": {"uri": "file://."}},
        "async": {"callbacks": callbacks},
        "batch": batch,
        "access": access,
    }
    (folder / "keys").mkdir()
    (folder / "keys" / "tests").write_text("a-key-of-the-tests")
    manifest = folder / "model.yaml"
    body = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "spin"}, "spec": spec}
    manifest.write_text(yaml.safe_dump(body))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPUX_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        with serve(manifest, "--api-keys-dir", str(folder / "keys")) as server:
            server.http.headers["X-API-Key"] = "a-key-of-the-tests"
            yield server


def _use(server: Server) -> None:
    assert server.http.post("/predict", json={"x": [[1.0]]}).status_code == 200
    assert server.http.post("/predict", json={"y": 1}).status_code == 400
    assert server.http.get("/predict/batch/1").status_code == 404
    for value in (1.0, -1.0):
        answer = server.http.post(
            "/predict/async", json={"x": [[value]]}, params={"callback_url": "http://127.0.0.2:9/gone"}
        )
        assert answer.status_code == 202, answer.text


@pytest.fixture(scope="module")
def predictor_page(predictor: Server) -> Pages:
    _use(predictor)

    def page() -> Pages | None:
        found = exported(predictor.http.get("/metrics").text)
        ends = {sample["status"] for sample in found.get("prediction_tasks_ended_total", ())}
        return found if ends == {"success", "failure"} and "prediction_callbacks_total" in found else None

    return eventually(page, SOON, "the tasks have ended and their callbacks were given up")


@pytest.fixture
def pages(predictor_page: Pages, operator: Operator, models: Models, kserve: Kserve) -> Pages:
    """What both programs export, the operator with a model that serves and one that never will."""
    models.apply("serves")
    models.becomes("NewestGenerationServes", "serves")
    models.apply("never", model={"source": {"uri": "file:///model"}})
    models.becomes("FileSourceInCluster", "never")

    def page() -> Pages | None:
        found = exported(operator.fetch(operator.metrics_port, "/metrics")[1])
        results = {sample["result"] for sample in found.get("gpux_operator_models", ())}
        return found if {"ready", "problem"} <= results else None

    return predictor_page | eventually(page, SOON, "both models are counted")


def test_every_metric_and_label_that_is_asked_for_is_exported(pages: Pages) -> None:
    asked = [*(rule["expr"] for rule in ALERTS), *expressions(model()), *expressions(fleet())]
    assert len(asked) > 50
    problems = {problem for expression in asked for need in wanted(expression) if (problem := missing(need, pages))}
    assert problems == set()


def test_what_is_missing_is_noticed(pages: Pages) -> None:
    """The test above can fail."""
    for expression, problem in {
        "rate(prediction_request_total[5m])": "no metric prediction_request_total",
        "sum by (status) (prediction_responses_total)": "prediction_responses_total has no label status",
        'prediction_tasks{state="waiting"}': "prediction_tasks never has state=waiting",
    }.items():
        assert [missing(need, pages) for need in wanted(expression)] == [problem]


def test_the_variables_of_the_dashboards_are_labels_of_what_is_exported(pages: Pages) -> None:
    for content in (model(), fleet()):
        for variable in content["templating"]["list"][1:]:
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found
            assert [missing(need, pages) for need in wanted(found[1])] == [""]
            assert found[2] in SCRAPED
    [models] = [
        item
        for item in chart_manifests({"monitoring": {"podMonitors": {"enabled": True}}})
        if item["kind"] == "PodMonitor" and item["metadata"]["name"].endswith("-models")
    ]
    assert models["spec"]["podTargetLabels"] == ["gpux.io/model"]  # which Prometheus calls gpux_io_model


def test_every_metric_has_its_row_in_the_docs(pages: Pages) -> None:
    text = OPERATIONS.read_text().split("## Metrics")[1].split("\n## ")[0]
    documented = {line.split("`")[1].partition("{")[0] for line in text.splitlines() if line.startswith("| `")}
    kinds = ("_bucket", "_sum", "_count")
    ours = {name for name in pages if name.startswith(("prediction_", "gpux_operator_"))}
    histograms = {
        name.removesuffix(kind) for name in ours for kind in kinds if f"{name.removesuffix(kind)}_bucket" in ours
    }
    plain = {name for name in ours if not any(name == f"{item}{kind}" for item in histograms for kind in kinds)}
    assert plain | histograms == documented


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_alerts_say_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
    assert f"### {rule['alert']}\n" in OPERATIONS.read_text()
