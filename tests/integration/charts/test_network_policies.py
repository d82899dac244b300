"""Who reaches whom under the chart's NetworkPolicies and that of docs/cluster.md, decided by kube-network-policies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from docblocks import ROOT, blocks, manifests
from testcluster.api import Api, Object
from testcluster.chart import chart_manifests
from testcluster.serving_pods import pod, run, serving_pod

OUTSIDE, API_SERVER, MODEL_PORT = "203.0.113.5", "192.0.2.10", 8080
POLICY = "networking.k8s.io/v1", "NetworkPolicy"
EXAMPLES = ROOT / "examples"


@dataclass
class Network:
    """Pods of a cluster by name, and the policies that the API server keeps of them."""

    program: Path
    api: Api
    namespaces: tuple[str, ...]

    def passes(self, source: str, target: str, port: int, protocol: str = "TCP") -> bool:
        """Whether a connection is let through; pods by name, anything else by address."""
        pods = [item for name in self.namespaces for item in self.api.list("v1", "Pod", name)]
        addresses = {item["metadata"]["name"]: item["status"]["podIP"] for item in pods}
        given = {
            "pods": pods,
            "namespaces": [self.api.get("v1", "Namespace", name) for name in self.namespaces],
            "policies": [item for name in self.namespaces for item in self.api.list(*POLICY, name)],
            "packets": [
                {
                    "from": addresses.get(source, source),
                    "to": addresses.get(target, target),
                    "port": port,
                    "protocol": protocol,
                }
            ],
        }
        done = subprocess.run([self.program], input=json.dumps(given), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        [answer] = json.loads(done.stdout)
        return bool(answer)


@pytest.fixture
def team(admin: Api) -> Iterator[str]:
    """Another namespace, of a team with models."""
    made = admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "team-"}})
    yield made["metadata"]["name"]
    admin.delete("v1", "Namespace", made["metadata"]["name"])


@pytest.fixture
def network(admin: Api, namespace: str, team: str, built_tools: dict[str, Path]) -> Network:
    """A release with all policies in one namespace, models and other pods in another."""
    values = {"networkPolicy": {"enabled": True}, "redis": {"enabled": True}}
    made = chart_manifests(values, namespace=namespace, tests=True)
    for item in made:
        if item["kind"] == "NetworkPolicy":
            admin.apply(item)
    specs = {
        item["metadata"]["name"]: _pod_of(item) for item in made if item["kind"] in {"Deployment", "StatefulSet", "Pod"}
    }
    addresses = {"gpux": "10.244.0.1", "gpux-redis": "10.244.0.2", "gpux-test": "10.244.0.3"}
    assert specs.keys() == addresses.keys()
    for name, (labels, spec) in specs.items():
        run(
            admin,
            pod(
                name, namespace, labels, {"containers": spec["containers"], "volumes": _volumes(spec)}, addresses[name]
            ),
        )
    run(admin, serving_pod(EXAMPLES / "async-redis" / "review-tasks.yaml", team, address="10.244.1.1"))
    bare = {"containers": [{"name": "c", "image": "i"}]}
    run(admin, pod("other", team, {}, bare, "10.244.1.2"))
    run(admin, pod("alike", team, {"app.kubernetes.io/managed-by": "gpux-operator"}, bare, "10.244.1.3"))
    return Network(built_tools["netpol"], admin, (namespace, team))


def _pod_of(item: Object) -> tuple[dict[str, str], dict[str, Any]]:
    template = item if item["kind"] == "Pod" else item["spec"]["template"]
    return template["metadata"]["labels"], template["spec"]


def _volumes(spec: dict[str, Any]) -> list[Object]:
    """The template's, and the claim's that a StatefulSet adds to them."""
    mounted = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", ())}
    own = spec.get("volumes", [])
    return [*own, *({"name": name, "emptyDir": {}} for name in sorted(mounted - {item["name"] for item in own}))]


MODEL = "review-tasks-predictor-0"
PAIRS = [
    ("other", "gpux", 9090, True),  # metrics, by Prometheus wherever it is
    (OUTSIDE, "gpux", 9090, True),
    (OUTSIDE, "gpux", 8081, True),  # probes
    ("other", "gpux", 8080, False),
    ("gpux", API_SERVER, 6443, True),
    ("gpux", API_SERVER, 443, True),
    ("gpux", OUTSIDE, 443, True),  # no selector knows an API server
    ("gpux", OUTSIDE, 80, False),
    ("gpux", API_SERVER, 22, False),
    ("gpux", MODEL, MODEL_PORT, True),
    ("gpux", "other", 8080, False),
    ("gpux", "alike", 8080, False),
    ("gpux", "gpux-redis", 6379, False),
    ("gpux-test", API_SERVER, 443, True),  # helm test's pod has no policy
    (MODEL, "gpux-redis", 6379, True),
    (MODEL, "gpux-redis", 22, False),
    ("other", "gpux-redis", 6379, False),
    ("alike", "gpux-redis", 6379, False),
    (OUTSIDE, "gpux-redis", 6379, False),
    ("gpux-redis", OUTSIDE, 443, False),
    ("gpux-redis", MODEL, MODEL_PORT, False),
    ("other", MODEL, MODEL_PORT, True),  # a policy for models is the user's
    (MODEL, OUTSIDE, 443, True),
]


def test_the_operator_and_redis_are_reached_and_reach_as_said(network: Network) -> None:
    decided = [(source, target, port, network.passes(source, target, port)) for source, target, port, _ in PAIRS]
    assert decided == PAIRS
    assert network.passes("gpux", API_SERVER, 53, "UDP")
    assert not network.passes("gpux", API_SERVER, 443, "UDP")


def test_the_policy_for_models_in_the_docs_lets_in_whom_it_names(network: Network, admin: Api) -> None:
    system, team = network.namespaces
    [written] = [
        item
        for block in blocks(ROOT / "docs" / "cluster.md")
        if block.language == "yaml"
        for item in manifests(block)
        if item["kind"] == "NetworkPolicy"
    ]
    text = json.dumps({**written, "metadata": {"name": "models", "namespace": team}}).replace("gpux-system", system)
    admin.apply(json.loads(text))
    run(admin, pod("caller", team, {"app": "my-caller"}, {"containers": [{"name": "c", "image": "i"}]}, "10.244.1.4"))
    let_in = {"gpux": True, "caller": True, "other": False, "gpux-test": False, OUTSIDE: False}
    assert {name: network.passes(name, MODEL, MODEL_PORT) for name in let_in} == let_in
    assert network.passes("other", "alike", 8080), "it closes models and nothing else"
    admin.apply(json.loads(text.replace("monitoring", system)))
    assert network.passes("gpux-test", MODEL, MODEL_PORT), "all pods of Prometheus' namespace are let in"
    assert not network.passes("other", MODEL, MODEL_PORT)
