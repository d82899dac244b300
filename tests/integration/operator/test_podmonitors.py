"""The chart's monitors by the Prometheus Operator's own CRDs and generator, and a Prometheus that scrapes by what comes of them."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from onnxmodels import identity
from predictorserver import serve
from promql import SCRAPED
from testcluster.api import ApiError, Object
from testcluster.certs import Authority
from testcluster.chart import NAMESPACE, chart_manifests
from testcluster.ports import free_ports
from testcluster.serving_pods import pod, run, serving_pod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.operator.conftest import Operator

    from testcluster.api import Api
    from testcluster.controlplane import ControlPlane

pytestmark = pytest.mark.usefixtures("prometheus_operator_kinds")
GROUP = "monitoring.coreos.com/v1"
MONITORS = {"monitoring": {"podMonitors": {"enabled": True, "interval": "1s"}}}
TLS = {"access": {"tls": {"secretRef": {"name": "certificate"}}}}
ALERTS = [
    rule["alert"]
    for item in chart_manifests({"monitoring": {"rules": {"enabled": True}}})
    if item["kind"] == "PrometheusRule"
    for group in item["spec"]["groups"]
    for rule in group["rules"]
]


def monitoring(values: dict[str, Any]) -> list[Object]:
    return [item for item in chart_manifests(values) if item["apiVersion"] == GROUP]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"podMonitors": {"labels": {"release": "prometheus"}, "interval": "500ms"}},
        {
            "rules": {
                "labels": {"release": "prometheus"},
                "batchStaleSeconds": 2_764_800,
                "runbooks": "https://wiki/gpux",
            }
        },
        {"rules": {"disabled": ALERTS[:1]}},
        {"rules": {"disabled": ALERTS}},
    ],
)
@pytest.mark.parametrize("watched", [[], ["team-a", "team-b"]])
def test_the_prometheus_operator_s_kinds_take_what_the_chart_makes(
    values: dict[str, Any], watched: list[str], admin: Api, namespace: str
) -> None:
    given = {name: {"enabled": True, **values.get(name, {})} for name in ("podMonitors", "rules")}
    made = monitoring({"monitoring": given, "watchNamespaces": watched, "commonLabels": {"team": "ml"}})
    assert sorted(item["kind"] for item in made) == ["PodMonitor", "PodMonitor", "PrometheusRule"]
    for item in made:
        stored = admin.apply({**item, "metadata": {**item["metadata"], "namespace": namespace}})
        assert stored["spec"] == item["spec"]


def test_those_kinds_refuse_what_they_do_not_know(admin: Api, namespace: str) -> None:
    for item in monitoring(MONITORS):
        [first, *_] = item["spec"]["podMetricsEndpoints"]
        for wrong in ({"intervall": "1s"}, {"interval": "1"}, {"scheme": "tls"}):
            spec = {**item["spec"], "podMetricsEndpoints": [{**first, **wrong}]}
            with pytest.raises(ApiError):
                admin.apply({**item, "metadata": {"name": "wrong", "namespace": namespace}, "spec": spec})


def model(folder: Path, name: str, **spec: Any) -> Path:
    """A manifest and its model in a folder of their own; its port is free."""
    (folder / name).mkdir()
    identity(folder / name / "model.onnx")
    serving = {"port": free_ports(1)[0], "visibility": "ClusterLocal", **spec.pop("serving", {})}
    full = {"model": {"source": {"uri": "pvc://models/m", "path": "model.onnx"}}, "serving": serving, **spec}
    body = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": name}, "spec": full}
    manifest = folder / name / "gpuxmodel.yaml"
    manifest.write_text(yaml.safe_dump(body))
    return manifest


def port_of(manifest: Path) -> int:
    port: int = yaml.safe_load(manifest.read_text())["spec"]["serving"]["port"]
    return port


@pytest.fixture
def served(tmp_path: Path, admin: Api, namespace: str) -> Iterator[None]:
    """Three models and their pods: over HTTP, over TLS, and in Knative mode."""
    authority = Authority()
    pair = authority.issue("m.svc", hosts=("127.0.0.1", "elsewhere.example.com"))
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls" / "tls.key").write_bytes(pair.key)
    trust = ssl.create_default_context(cadata=authority.pair.certificate.decode())
    plain, closed, knative = (
        model(tmp_path, "plain"),
        model(tmp_path, "closed", **TLS),
        model(tmp_path, "knative", serving={"mode": "Knative"}),
    )
    with ExitStack() as running:
        for manifest in (plain, closed, knative):
            arguments = ("--tls-dir", str(tmp_path / "tls")) if manifest is closed else ()
            local = manifest.with_name("local.yaml")
            local.write_text(manifest.read_text().replace("pvc://models/m", "file://."))
            secure = trust if manifest is closed else None
            running.enter_context(serve(local, *arguments, port=port_of(manifest), trust=secure))
            run(admin, serving_pod(manifest, namespace, knative=manifest is knative))
        yield


@pytest.fixture
def operator_pod(admin: Api, operator: Operator, namespace: str) -> None:
    """The operator's pod of the chart, which listens where the operator of this test does."""
    [deployment] = [item for item in chart_manifests() if item["kind"] == "Deployment"]
    template = deployment["spec"]["template"]
    [container] = template["spec"]["containers"]
    numbers = {"metrics": operator.metrics_port, "health": operator.health_port}
    ports = [{**port, "containerPort": numbers[port["name"]]} for port in container["ports"]]
    spec = {"containers": [{**container, "ports": ports}], "volumes": template["spec"]["volumes"]}
    run(admin, pod("gpux-0", namespace, template["metadata"]["labels"], spec, "127.0.0.1"))


def scraped(control_plane: ControlPlane, program: Path, folder: Path, monitors: list[Object], targets: int) -> Object:
    """What a Prometheus of the Prometheus Operator gets by these monitors, from the pods that it finds at the API server."""
    login = yaml.safe_load(control_plane.admin_kubeconfig.read_text())
    user, cluster = login["users"][0]["user"], login["clusters"][0]["cluster"]
    files = {
        "caFile": cluster["certificate-authority-data"],
        "certFile": user["client-certificate-data"],
        "keyFile": user["client-key-data"],
    }
    for name, content in files.items():
        (folder / name).write_bytes(base64.b64decode(content))
    access = {"host": control_plane.url, "tlsConfig": {name: str(folder / name) for name in files}}
    spec = {"apiserverConfig": access, "scrapeInterval": "30s", "evaluationInterval": "30s"}
    prometheus = {"metadata": {"name": "k8s", "namespace": "monitoring"}, "spec": spec}
    given = {"prometheus": prometheus, "podMonitors": monitors, "targets": targets, "seconds": 60}
    done = subprocess.run([program], input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: Object = json.loads(done.stdout)
    assert len(answer["targets"]) >= targets, (answer["targets"], done.stderr[-4000:])
    return answer


@pytest.mark.usefixtures("served", "operator_pod")
def test_a_prometheus_scrapes_models_and_operator_as_they_speak(
    control_plane: ControlPlane, built_tools: dict[str, Path], tmp_path: Path, namespace: str, admin: Api
) -> None:
    watching = {**MONITORS, "watchNamespaces": [namespace]}
    monitors = [{**item, "metadata": {**item["metadata"], "namespace": namespace}} for item in monitoring(watching)]
    stored = [admin.apply(item) for item in monitors]
    answer = scraped(control_plane, built_tools["podmonitor"], tmp_path, stored, 4)
    assert {item["error"] for item in answer["targets"]} == {""}
    found = {item["labels"]["pod"]: item for item in answer["targets"]}
    assert {name: item["url"].partition(":")[0] for name, item in found.items()} == {
        "plain-predictor-0": "http",
        "closed-predictor-0": "https",
        "knative-predictor-0": "http",
        "gpux-0": "http",
    }
    assert len(answer["targets"]) == 4
    for name in ("plain", "closed", "knative"):
        labels = found[f"{name}-predictor-0"]["labels"]
        assert labels.keys() >= SCRAPED
        assert (labels["namespace"], labels["gpux_io_model"]) == (namespace, name)
        series = [item for item in answer["samples"] if item.get("gpux_io_model") == name]
        assert {"prediction_model", "prediction_queue_depth", "up"} <= {item["__name__"] for item in series}
    own = [item for item in answer["samples"] if item.get("pod") == "gpux-0"]
    assert {"gpux_operator_leader", "gpux_operator_queue_depth"} <= {item["__name__"] for item in own}


def test_only_the_namespaces_that_are_watched_are_asked_for(
    control_plane: ControlPlane, built_tools: dict[str, Path], tmp_path: Path
) -> None:
    for watched in ([], ["team-a"]):
        monitors = monitoring({**MONITORS, "watchNamespaces": watched})
        loaded = yaml.safe_load(scraped(control_plane, built_tools["podmonitor"], tmp_path, monitors, 0)["config"])
        jobs = {job["job_name"]: job["kubernetes_sd_configs"][0] for job in loaded["scrape_configs"]}
        assert jobs.pop(f"podMonitor/{NAMESPACE}/gpux-operator/0")["namespaces"] == {"names": [NAMESPACE]}
        assert len(jobs) == 3
        assert {json.dumps(job.get("namespaces", {}).get("names", [])) for job in jobs.values()} == {
            json.dumps(watched)
        }
