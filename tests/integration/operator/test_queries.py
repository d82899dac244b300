"""What KEDA asks Prometheus, evaluated by Prometheus' own engine on the page of metrics of a real predictor."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import onnxmodels
import predictorserver
from gpux_api.manifests import parse
from gpux_operator.build import scaling

Object = dict[str, Any]
TASKS = {"async": {"store": "redis", "redisUrlSecretRef": {"name": "redis"}}}
OWN = ("m-predictor-7c5ddbdf54-x2k9p", "m-predictor-7c5ddbdf54-q8v7z")
OTHERS = [("ns", "m-b-predictor-7c5ddbdf54-x2k9p"), ("elsewhere", OWN[0]), ("ns", "a-m-predictor-7c5ddbdf54-x2k9p")]


def document(spec: Object) -> Object:
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": spec}


def query(metric: str, parts: Object) -> str:
    target = {"max": 4, "target": {"metric": metric, "value": 3}}
    spec = {"model": {"source": {"uri": "s3://bucket/model"}}, "serving": {"replicas": target}, **parts}
    replicas = scaling.replicas(parse(document(spec)), "ns", "http://prometheus:9090")
    found: str = replicas["autoScaling"]["metrics"][0]["external"]["metric"]["query"]
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The metrics of a predictor that takes tasks and has done one."""
    folder = tmp_path_factory.mktemp("model")
    onnxmodels.identity(folder / "model.onnx")
    manifest = folder / "gpuxmodel.yaml"
    manifest.write_text(yaml.safe_dump(document({"model": {"source": {"uri": "file:///model.onnx"}}, "async": {}})))
    with predictorserver.serve(manifest, "--model-dir", str(folder)) as server:
        task = server.http.post("/predict/async", json={"x": [1.0, 2.0]}).json()
        server.http.get(task["status_url"], params={"wait": 10})
        return server.http.get("/metrics").text


def series(page: str, namespace: str, pod: str, values: dict[str, float]) -> list[str]:
    """The page as a scrape by way of the API server stores it, with other values for some gauges (tasks: those that wait)."""
    lines = []
    for sample in (sample for family in text_string_to_metric_families(page) for sample in family.samples):
        labels = {**sample.labels, "namespace": namespace, "pod": pod}
        set_here = sample.name in values and sample.labels.get("state", "queued") == "queued"
        value = values[sample.name] if set_here else sample.value
        lines.append(
            f"  {sample.name}{{{','.join(f'{key}={json.dumps(text)}' for key, text in labels.items())}}} {value}"
        )
    return lines


def evaluate(promeval: Path, expression: str, lines: list[str]) -> list[float]:
    given = {"load": "\n".join(["load 1m", *lines, ""]), "expr": expression, "seconds": [0]}
    done = subprocess.run([promeval], input=json.dumps(given), capture_output=True, text=True, check=True)
    return [item["value"] for item in json.loads(done.stdout)[0]]


@pytest.mark.parametrize(
    ("metric", "parts", "expected"), [("queue", {}, 8.0), ("queue", TASKS, 28.0), ("concurrency", {}, 11.0)]
)
def test_the_model_s_pods_are_counted_and_no_others(
    metric: str, parts: Object, expected: float, page: str, built_tools: dict[str, Path]
) -> None:
    own = [
        {"prediction_queue_depth": 3.0, "prediction_in_flight": 2.0},
        {"prediction_queue_depth": 5.0, "prediction_in_flight": 1.0},
    ]
    lines = [
        line
        for pod, values in zip(OWN, own, strict=True)
        for line in series(page, "ns", pod, {**values, "prediction_tasks": 20.0})
    ]
    many = {"prediction_queue_depth": 1000.0, "prediction_in_flight": 1000.0, "prediction_tasks": 1000.0}
    lines += [line for namespace, pod in OTHERS for line in series(page, namespace, pod, many)]
    assert evaluate(built_tools["promeval"], query(metric, parts), lines) == [expected]


@pytest.mark.parametrize(("metric", "parts"), [("queue", {}), ("queue", TASKS), ("concurrency", {})])
def test_a_predictor_at_rest_counts_as_zero_and_not_as_unknown(
    metric: str, parts: Object, page: str, built_tools: dict[str, Path]
) -> None:
    assert evaluate(built_tools["promeval"], query(metric, parts), series(page, "ns", OWN[0], {})) == [0.0]
