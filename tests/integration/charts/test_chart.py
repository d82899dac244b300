"""The chart, rendered by the real helm and, where the API server decides, applied to it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from gpux_operator.engine.supported import LEAST
from testcluster.api import Api, ApiError, Object
from testcluster.chart import CHART, chart_manifests, helm
from testcluster.errors import ClusterError
from testcluster.waiting import SOON, eventually

pytestmark = pytest.mark.usefixtures("built_tools")


def of_kind(manifests: list[Object], kind: str) -> list[Object]:
    return [item for item in manifests if item["kind"] == kind]


def test_lint_is_strict_about_it() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


@pytest.mark.parametrize(
    "values",
    [
        {"operator": {"imagee": {}}},
        {"operator": {"image": {"pullPolicy": "Sometimes"}}},
        {"watchNamespaces": "default"},
        {"crds": {"enabled": "yes"}},
        {"autoscaling": {"prometheusURL": "prometheus:9090"}},
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ClusterError, match="values don't meet the specifications of the schema"):
        chart_manifests(values)


def test_a_kubernetes_that_the_operator_calls_too_old_is_refused() -> None:
    major, minor = LEAST
    helm("template", str(CHART), f"--kube-version=v{major}.{minor}.0")
    with pytest.raises(ClusterError, match=f"requires kubeVersion: >={major}.{minor}"):
        helm("template", str(CHART), f"--kube-version=v{major}.{minor - 1}.99")


def test_every_value_is_described() -> None:
    """A key with a value of its own has a `# --` line above it."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    setting = re.compile(r"\s*(?!requests|limits)\w+: \S.*")
    leaves = [n for n, line in enumerate(lines) if setting.fullmatch(line)]
    assert leaves
    assert [lines[n] for n in leaves if not lines[n - 1].strip().startswith("# --")] == []


def test_the_crd_is_kept_unless_told_otherwise() -> None:
    [crd] = of_kind(chart_manifests(), "CustomResourceDefinition")
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    [crd] = of_kind(chart_manifests({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert "annotations" not in crd["metadata"]
    assert of_kind(chart_manifests({"crds": {"enabled": False}}), "CustomResourceDefinition") == []
    plain = yaml.safe_load((CHART.parents[1] / "crds" / "gpuxmodels.gpux.io.yaml").read_text())
    assert crd["spec"] == plain["spec"]


def test_the_prometheus_of_autoscalers_is_told() -> None:
    def arguments(values: dict[str, Any]) -> list[str]:
        [deployment] = of_kind(chart_manifests(values), "Deployment")
        found: list[str] = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        return [item for item in found if "prometheus" in item]

    assert arguments({"autoscaling": {"prometheusURL": "http://p:9090"}}) == ["--prometheus-url=http://p:9090"]
    assert arguments({}) == []


def test_namespaced_mode_has_no_cluster_rights() -> None:
    manifests = chart_manifests({"watchNamespaces": ["a", "b"]})
    assert of_kind(manifests, "ClusterRoleBinding") == []
    users = [role["metadata"]["name"] for role in of_kind(manifests, "ClusterRole")]
    assert users == ["gpux-view", "gpux-edit"]  # the operator is bound to none of them
    only_ours = {"watchNamespaces": ["a"], "rbac": {"aggregate": False}}
    assert of_kind(chart_manifests(only_ours), "ClusterRole") == []
    assert {role["metadata"]["namespace"] for role in of_kind(manifests, "Role")} == {"a", "b", "gpux-system"}
    [deployment] = of_kind(manifests, "Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert [argument for argument in container["args"] if argument.startswith("--namespace")] == [
        "--namespace=a",
        "--namespace=b",
    ]


def test_replicas_may_touch_their_own_lease_and_no_other() -> None:
    [role] = of_kind(chart_manifests(), "Role")
    assert (role["metadata"]["namespace"], role["rules"]) == (
        "gpux-system",
        [
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "resourceNames": ["gpux"],
                "verbs": ["get", "patch"],
            },
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        ],
    )
    [deployment] = of_kind(chart_manifests(), "Deployment")
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert {"--leader-elect", "--lease-namespace=gpux-system", "--lease-name=gpux"} <= set(arguments)


def test_a_disruption_budget_where_there_is_more_than_one_replica() -> None:
    [budget] = of_kind(chart_manifests(), "PodDisruptionBudget")
    [deployment] = of_kind(chart_manifests(), "Deployment")
    assert deployment["spec"]["replicas"] == 2
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert of_kind(chart_manifests({"operator": {"replicas": 1}}), "PodDisruptionBudget") == []


def test_the_operators_pod_is_restricted() -> None:
    [deployment] = of_kind(chart_manifests(), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.fixture
def admission_policy(admin: Api, namespace: str) -> Iterator[str]:
    """A name that the chart's policy refuses in the namespace. Afterwards the policy is not only deleted, but out of force."""
    policies = [item for item in chart_manifests() if item["kind"].startswith("ValidatingAdmissionPolicy")]
    assert len(policies) == 2
    too_long = "m" * (53 - len(namespace))
    try:
        for policy in policies:
            admin.apply(policy)
        yield too_long
    finally:
        for policy in reversed(policies):
            admin.delete(policy["apiVersion"], policy["kind"], policy["metadata"]["name"])
    eventually(lambda: refusal(admin, namespace, too_long) == "", 30, "the policy is out of force")


def test_names_that_kserve_could_not_serve_are_refused(admin: Api, namespace: str, admission_policy: str) -> None:
    message = eventually(lambda: refusal(admin, namespace, admission_policy), SOON, "the policy is in force")
    assert f"{admission_policy} and {namespace} have 53: choose shorter ones" in message
    assert refusal(admin, namespace, admission_policy[1:]) == ""


def refusal(admin: Api, namespace: str, name: str) -> str:
    model = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": name},
        "spec": {"model": {"source": {"uri": "s3://bucket/model"}}},
    }
    path = f"/apis/gpux.io/v1alpha1/namespaces/{namespace}/gpuxmodels"
    try:
        admin.request("POST", path, model, params={"dryRun": "All"})
    except ApiError as error:
        return error.message
    return ""
