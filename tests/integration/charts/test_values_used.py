"""No value of the chart is there for nothing: each, changed alone, changes what is rendered."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from chartfiles.values import Value, values
from testcluster.chart import CHART, helm

pytestmark = pytest.mark.usefixtures("built_tools")
VALUES = {value.path: value for value in values((CHART / "values.yaml").read_text())}
SWITCHES = ("networkPolicy", "redis", "monitoring.podMonitors", "monitoring.rules", "monitoring.dashboards")
ON: dict[str, Any] = {
    **{f"{name}.enabled": True for name in SWITCHES},
    "redis.auth.password": "set",  # a made up one is another one each time
    "predictor.gpuImage.repository": "gpux/gpu",
    "serviceAccount.name": "account",
}
OTHERS: dict[str, Any] = {
    "operator.image.pullPolicy": "Always",
    "redis.image.pullPolicy": "Always",
    "operator.logLevel": "debug",
    "operator.affinity": {"nodeAffinity": {}},
    "redis.affinity": {"nodeAffinity": {}},
    "operator.topologySpreadConstraints": [
        {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "autoscaling.prometheusURL": "http://prometheus:9090",
    "networkPolicy.apiServerPorts": [16443],
    "monitoring.podMonitors.interval": "1m",
    "monitoring.rules.disabled": ["GpuxTasksWaiting"],
    "redis.storage.size": "2Gi",
    "redis.maxMemory": "1gb",
    "redis.resources": {"limits": {"memory": "1Gi"}},
    "operator.resources": {"limits": {"memory": "1Gi"}},
    "imagePullSecrets": [{"name": "pull"}],
}
NEEDS_A_CLUSTER = {"redis.auth.existingSecret"}
"""Looked up there; see test_a_secret_that_is_not_there_is_named."""


def another(value: Value) -> object:
    """A valid value that is not the default."""
    if value.path in OTHERS:
        return OTHERS[value.path]
    default = ON.get(value.path, value.default)
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1
    if isinstance(default, str):
        return "sha256:" + "1" * 64 if value.path.endswith("digest") else f"{default}x1"
    if isinstance(default, list):
        name = value.path.rpartition(".")[2]
        return {"tolerations": [{"operator": "Exists"}], "extraEnv": [{"name": "A", "value": "b"}]}.get(name, ["other"])
    return {"other": "thing"}


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path as helm wants them."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *folders, name = path.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    return tree


def rendered(flat: Mapping[str, Any]) -> str:
    arguments = ["template", "gpux", str(CHART), "--namespace=gpux-system", "--values=-"]
    return helm(*arguments, stdin=json.dumps(nested(flat)))


@pytest.fixture(scope="module")
def usual(built_tools: dict[str, Path]) -> str:
    return rendered(ON)


@pytest.mark.parametrize("path", sorted(set(VALUES) - NEEDS_A_CLUSTER))
def test_a_value_changes_what_is_rendered(path: str, usual: str) -> None:
    chosen = another(VALUES[path])
    found = rendered({**ON, path: chosen})
    assert found != usual
    assert list(yaml.safe_load_all(found))
    word = chosen if isinstance(chosen, str) and path != "redis.auth.password" else ""
    assert re.search(re.escape(word), found)  # and the text itself is in it
