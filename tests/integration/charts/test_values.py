"""Each value of the chart reaches what it is for; rendered by the real helm."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import redis
import yaml

import chartfiles
from chartfiles.values import values
from redisserver import program
from testcluster.api import Object
from testcluster.chart import CHART, chart_manifests
from testcluster.errors import ClusterError
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

pytestmark = pytest.mark.usefixtures("built_tools")
DIGEST = "sha256:" + "0" * 64
SCHEMA = yaml.safe_load((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


def one(kind: str, given: dict[str, Any], name: str = "") -> Object:
    [found] = [
        item
        for item in chart_manifests(given)
        if item["kind"] == kind and item["metadata"]["name"].endswith(name or item["metadata"]["name"])
    ]
    return found


def written(name: str) -> Object:
    """The InferenceService that the operator makes of a manifest of its golden files."""
    golden = CHART.parents[1] / "tests" / "unit" / "operator" / "golden" / f"{name}.out.yaml"
    [service] = [item for item in yaml.safe_load_all(golden.read_text()) if item["kind"] == "InferenceService"]
    found: Object = service
    return found


def pod(given: dict[str, Any]) -> Object:
    found: Object = one("Deployment", given)["spec"]["template"]
    return found


def test_the_generated_files_are_current() -> None:
    """`make chart` writes them."""
    command = [sys.executable, "-m", "chartfiles", "--check"]
    environment = {**os.environ, "PYTHONPATH": str(Path(chartfiles.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def places(tree: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every mapping of the defaults whose keys are the chart's own."""
    yield path
    for key, value in tree.items():
        if isinstance(value, dict) and value and key not in {"requests", "limits", "labels"}:
            yield from places(value, (*path, key))


@pytest.mark.parametrize("path", list(places(DEFAULTS)), ids=lambda path: ".".join(path) or "top")
def test_a_typo_is_refused_everywhere(path: tuple[str, ...]) -> None:
    given: dict[str, Any] = {"typo": True}
    for key in reversed(path):
        given = {key: given}
    with pytest.raises(jsonschema.ValidationError, match="typo"):
        jsonschema.validate(given, SCHEMA)


def test_the_schema_knows_every_value_and_no_other() -> None:
    """Each default is valid, and every property of the schema has a default."""
    jsonschema.validate(DEFAULTS, SCHEMA)
    commented = {value.path for value in values((CHART / "values.yaml").read_text())}
    assert len(commented) > 60

    def properties(node: dict[str, Any], path: str = "") -> Iterator[str]:
        node = SCHEMA["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        below = node.get("properties", {}) if path not in commented else {}
        if path and not below:
            yield path
        for key, value in below.items():
            yield from properties(value, f"{path}.{key}" if path else key)

    assert set(properties(SCHEMA)) - {"global"} == commented


@pytest.mark.parametrize(
    "given",
    [
        {"operator": {"image": {"digest": "sha256:abc"}}},
        {"operator": {"tolerations": [{"keyy": "gpu"}]}},
        {"operator": {"resources": {"limit": {"memory": "1Gi"}}}},
        {"operator": {"resources": {"limits": {"memory": "1 GB"}}}},
        {"operator": {"extraEnv": [{"value": "x"}]}},
        {"operator": {"logLevel": "trace"}},
        {"watchNamespaces": ["Team_A"]},
        {"redis": {"auth": {"password": "with space"}}},
        {"redis": {"runAsUser": 0}},
        {"monitoring": {"podMonitors": {"interval": "15"}}},
        {"networkPolicy": {"apiServerPorts": []}},
    ],
)
def test_wrong_values_are_refused_by_helm(given: dict[str, Any]) -> None:
    with pytest.raises(ClusterError, match="values don't meet the specifications of the schema"):
        chart_manifests(given)


def test_digests_win_over_tags() -> None:
    image = {"repository": "a/b", "tag": "1", "digest": DIGEST}
    [container] = pod({"operator": {"image": image}, "predictor": {"image": image, "gpuImage": image}})["spec"][
        "containers"
    ]
    assert container["image"] == f"a/b@{DIGEST}"
    assert {f"--predictor-image=a/b@{DIGEST}", f"--predictor-gpu-image=a/b@{DIGEST}"} <= set(container["args"])
    [container] = pod({})["spec"]["containers"]
    assert container["image"] == "gpux/operator:0.1.0"
    assert not [item for item in container["args"] if "gpu-image" in item]


def test_scheduling_and_metadata_reach_the_operators_pod() -> None:
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    chosen = {
        "nodeSelector": {"kind": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "topologySpreadConstraints": spread,
        "priorityClassName": "system-cluster-critical",
    }
    more = {"podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "extraEnv": [{"name": "GPUX_WORKERS", "value": "4"}]}
    found = pod({"operator": {**chosen, **more, "logLevel": "debug"}, "commonLabels": {"team": "ml"}})
    assert {key: found["spec"][key] for key in chosen} == chosen
    assert found["metadata"]["annotations"] == {"a": "b"}
    assert {"c": "d", "team": "ml"}.items() <= found["metadata"]["labels"].items()
    [container] = found["spec"]["containers"]
    assert container["env"] == [{"name": "GPUX_WORKERS", "value": "4"}]
    assert "--log-level=debug" in container["args"]
    assert pod({})["spec"]["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"


def test_common_labels_are_on_everything_but_the_crd() -> None:
    everything = {
        "commonLabels": {"team": "ml"},
        "redis": {"enabled": True},
        "networkPolicy": {"enabled": True},
        "monitoring": {name: {"enabled": True} for name in ("podMonitors", "rules", "dashboards")},
    }
    manifests = chart_manifests(everything, tests=True)
    bare = [item["kind"] for item in manifests if item["metadata"].get("labels", {}).get("team") != "ml"]
    assert bare == ["CustomResourceDefinition"]
    names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in manifests]
    assert len(set(names)) == len(names)


def test_nothing_optional_is_there_unasked() -> None:
    kinds = {item["kind"] for item in chart_manifests()}
    assert kinds.isdisjoint({"NetworkPolicy", "PodMonitor", "PrometheusRule", "ConfigMap", "StatefulSet", "Secret"})


def test_the_operator_reaches_the_api_server_dns_and_models() -> None:
    found = one("NetworkPolicy", {"networkPolicy": {"enabled": True, "apiServerPorts": [16443]}})["spec"]
    assert found["podSelector"]["matchLabels"].items() <= pod({})["metadata"]["labels"].items()
    api, dns, models = found["egress"]
    assert [port["port"] for port in api["ports"]] == [16443]
    assert {port["port"] for port in dns["ports"]} == {53}
    [peer] = models["to"]
    assert peer["namespaceSelector"] == {}
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/managed-by": "gpux-operator"}
    named = {port["name"] for port in pod({})["spec"]["containers"][0]["ports"]}
    assert {port["port"] for port in found["ingress"][0]["ports"]} == named


def test_monitors_and_policies_select_the_pods_that_the_operator_makes() -> None:
    labels = written("minimal")["metadata"]["labels"]  # KServe copies them to the pods
    given = {
        "monitoring": {"podMonitors": {"enabled": True}},
        "networkPolicy": {"enabled": True},
        "redis": {"enabled": True},
    }
    monitor = one("PodMonitor", given, "-models")["spec"]
    operator = one("NetworkPolicy", given, "gpux")["spec"]["egress"][-1]["to"]
    store = one("NetworkPolicy", given, "-redis")["spec"]["ingress"][0]["from"]
    for selector in (monitor["selector"], operator[0]["podSelector"], store[0]["podSelector"]):
        assert selector["matchLabels"].items() <= labels.items()
        assert {item["key"] for item in selector["matchExpressions"]} <= set(labels)
    assert monitor["namespaceSelector"] == {"any": True}
    only = one("PodMonitor", {**given, "watchNamespaces": ["team-a"]}, "-models")["spec"]["namespaceSelector"]
    assert only == {"matchNames": ["team-a"]}
    its_own = one("PodMonitor", given, "-operator")["spec"]
    assert its_own["selector"]["matchLabels"].items() <= pod({})["metadata"]["labels"].items()


@pytest.mark.parametrize(("name", "scheme"), [("minimal", "http"), ("access", "https")])
def test_pods_are_scraped_as_they_speak(name: str, scheme: str) -> None:
    """A model with spec.access.tls has no port that speaks HTTP."""
    container = written(name)["spec"]["predictor"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    monitor = one("PodMonitor", {"monitoring": {"podMonitors": {"enabled": True, "interval": "7s"}}}, "-models")["spec"]
    [asked] = [endpoint for endpoint in monitor["podMetricsEndpoints"] if endpoint["port"] in ports]
    probe = container["readinessProbe"]["httpGet"]
    assert (asked.get("scheme", "http"), ports[asked["port"]]) == (scheme, probe["port"])
    assert probe.get("scheme", "HTTP").lower() == scheme
    assert asked.get("tlsConfig", {}) == ({"insecureSkipVerify": True} if scheme == "https" else {})
    assert asked["interval"] == "7s"


def test_pods_of_knative_mode_are_scraped() -> None:
    """Knative calls the predictor's port `user-port`, whatever the revision says (its pkg/reconciler/revision/resources/deploy.go)."""
    monitor = one("PodMonitor", {"monitoring": {"podMonitors": {"enabled": True, "interval": "7s"}}}, "-models")["spec"]
    [asked] = [endpoint for endpoint in monitor["podMetricsEndpoints"] if endpoint["port"] == "user-port"]
    assert asked == {"port": "user-port", "interval": "7s"}


def test_alerts_can_be_left_out_and_their_runbooks_be_elsewhere() -> None:
    rules = {
        "enabled": True,
        "disabled": ["GpuxTasksWaiting"],
        "runbooks": "https://wiki/gpux",
        "labels": {"release": "p"},
    }
    found = one("PrometheusRule", {"monitoring": {"rules": rules}})
    alerts = {rule["alert"]: rule for group in found["spec"]["groups"] for rule in group["rules"]}
    raw = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    known = {rule["alert"]: rule for group in raw["groups"] for rule in group["rules"]}
    assert set(alerts) == set(known) - {"GpuxTasksWaiting"}
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook_url"] == f"https://wiki/gpux#{name.lower()}"
        assert {**rule, "annotations": None} == {**known[name], "annotations": None}
        assert rule["annotations"]["summary"] == known[name]["annotations"]["summary"]
    assert found["metadata"]["labels"]["release"] == "p"


@pytest.mark.parametrize("seconds", [7200, 2_764_800])
def test_when_a_batch_result_is_stale_is_a_value_and_touches_no_other_alert(seconds: int) -> None:
    found = one("PrometheusRule", {"monitoring": {"rules": {"enabled": True, "batchStaleSeconds": seconds}}})
    expressions = {rule["alert"]: rule["expr"] for group in found["spec"]["groups"] for rule in group["rules"]}
    raw = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    known = {rule["alert"]: rule["expr"] for group in raw["groups"] for rule in group["rules"]}
    assert expressions.pop("GpuxBatchStale") == known.pop("GpuxBatchStale").replace("> 172800", f"> {seconds}")
    assert expressions == known


def test_the_dashboards_are_whole_and_small() -> None:
    found = one("ConfigMap", {"monitoring": {"dashboards": {"enabled": True, "annotations": {"folder": "ML"}}}})
    assert set(found["data"]) == {"gpux-model.json", "gpux-fleet.json"}
    for name, text in found["data"].items():
        file = CHART / "files" / name.replace("gpux-", "dashboard-")
        assert yaml.safe_load(text) == yaml.safe_load(file.read_text())
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"folder": "ML"}
    assert (
        sum(path.stat().st_size for path in CHART.rglob("*") if path.is_file()) < 256 * 1024
    )  # a release fits a Secret


def test_a_secret_that_is_not_there_is_named() -> None:
    with pytest.raises(ClusterError, match="namespace gpux-system has no Secret mine with the key password"):
        chart_manifests({"redis": {"enabled": True, "auth": {"existingSecret": "mine"}}})


def test_redis_without_a_claim() -> None:
    found = one("StatefulSet", {"redis": {"enabled": True, "storage": {"size": ""}}})["spec"]
    assert "volumeClaimTemplates" not in found
    assert found["template"]["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}]


def test_redis_runs_as_the_chart_starts_it(tmp_path: Path) -> None:
    """The container's own command, with a real Redis: it wants the password, keeps a file, ends at once when told."""
    [container] = one("StatefulSet", {"redis": {"enabled": True}})["spec"]["template"]["spec"]["containers"]
    [port] = free_ports(1)
    (tmp_path / "redis-server").symlink_to(program())
    script = container["args"][0].replace("dir /data", f"dir {tmp_path}").replace("port 6379", f"port {port}")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "REDISCLI_AUTH": "s3cret"}
    process = subprocess.Popen([*container["command"], script], env=environment, stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port, password="s3cret") as client:
            eventually(client.ping, SOON, "it answers who knows the password")
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("appendfsync") == {"appendfsync": "always"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("maxmemory") == {"maxmemory": str(384 * 1024**2)}
        with redis.Redis(port=port) as client, pytest.raises(redis.exceptions.AuthenticationError):
            client.ping()
        assert "s3cret" not in Path(f"/proc/{process.pid}/cmdline").read_text()
        process.terminate()
        assert process.wait(10) == 0
        assert list(tmp_path.glob("appendonly*"))
    finally:
        process.kill()
        process.wait()
