"""The chart installed, upgraded, tested and uninstalled by the real helm on a real API server."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testcluster.api import Api, ApiError, Object
from testcluster.chart import NAMESPACE, chart_manifests
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.charts.conftest import Helm, Runs

PROGRAM = Path(sys.executable).with_name("gpux-operator")
GPUX, KSERVE = "gpux.io/v1alpha1", "serving.kserve.io/v1beta1"
EVERYTHING: dict[str, Any] = {
    "networkPolicy": {"enabled": True},
    "redis": {"enabled": True, "namespaces": ["team-a"]},
    "monitoring": {"dashboards": {"enabled": True}},
}
NAMESPACED: dict[str, Any] = {
    "watchNamespaces": ["team-a"],
    "crds": {"enabled": False},
    "admissionPolicy": {"enabled": False},
    "rbac": {"aggregate": False},
}


@pytest.fixture(autouse=True)
def namespaces(bare: Helm) -> None:
    for name in ("team-a", "team-b"):
        bare.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


@pytest.fixture
def cleared(bare: Helm) -> Iterator[Helm]:
    """The cluster, without a release before and after the test; the CRD stays, as users have it."""
    yield bare
    for release in ("gpux", "team"):
        bare("uninstall", release, "--ignore-not-found")


def model(name: str, namespace: str) -> Object:
    spec = {"model": {"source": {"uri": "s3://bucket/model"}}}
    return {"apiVersion": GPUX, "kind": "GpuxModel", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def identity(found: Object) -> tuple[str, int]:
    return found["metadata"]["uid"], found["metadata"]["generation"]


def test_an_upgrade_from_the_previous_chart_keeps_models_and_what_was_made_of_them(
    cleared: Helm, previous_chart: Path, run_operator: Runs
) -> None:
    """That chart gave its operator fewer rights than today's program needs, so before the upgrade it runs with all rights."""
    api = cleared.api
    cleared.install(chart=previous_chart)
    [old] = api.list("apps/v1", "Deployment", NAMESPACE)
    assert old["spec"]["strategy"]["type"] == "Recreate"
    api.apply(model("m", "team-a"))
    with run_operator(old, cleared.plane.admin_kubeconfig):
        child = eventually(lambda: api.find(KSERVE, "InferenceService", "m", "team-a"), SOON, "there is a child")
        eventually(lambda: api.get(GPUX, "GpuxModel", "m", "team-a").get("status"), SOON, "and a status")
    before = identity(api.get(GPUX, "GpuxModel", "m", "team-a"))
    assert "minMemory" not in gpu_fields(api)

    cleared.install()

    assert "minMemory" in gpu_fields(api)
    [deployment] = api.list("apps/v1", "Deployment", NAMESPACE)
    assert identity(deployment)[0] == identity(old)[0]
    with run_operator(deployment, cleared.plane.service_account_kubeconfig(NAMESPACE, "gpux")) as log:
        eventually(lambda: "reconciled team-a/m: progressing" in log.read_text(), SOON, "a pass over the model")
    assert identity(api.get(GPUX, "GpuxModel", "m", "team-a")) == before
    assert identity(api.get(KSERVE, "InferenceService", "m", "team-a")) == identity(child)


def gpu_fields(api: Api) -> set[str]:
    """The fields of spec.runtime.gpu, as the API server knows them."""
    crd = api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "gpuxmodels.gpux.io")
    found = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in ("spec", "runtime", "gpu"):
        found = found["properties"][name]
    return set(found["properties"])


def test_uninstalling_keeps_models_and_installing_again_finds_them(cleared: Helm) -> None:
    api = cleared.api
    cleared.install()
    api.apply(model("kept", "team-b"))
    before = identity(api.get(GPUX, "GpuxModel", "kept", "team-b"))
    said = cleared("uninstall", "gpux")
    assert "gpuxmodels.gpux.io" in said  # helm names what it keeps
    assert identity(api.get(GPUX, "GpuxModel", "kept", "team-b")) == before
    assert api.list("apps/v1", "Deployment", NAMESPACE) == []
    ours = "app.kubernetes.io/part-of=gpux"
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        assert api.list("rbac.authorization.k8s.io/v1", kind, labels=ours) == []
    cleared.install()
    assert identity(api.get(GPUX, "GpuxModel", "kept", "team-b")) == before


LEASE = "coordination.k8s.io/v1", "Lease", "gpux", NAMESPACE


def test_the_lease_outlives_upgrades_and_goes_with_the_release(cleared: Helm, run_operator: Runs) -> None:
    api = cleared.api
    cleared.install()
    login = cleared.plane.service_account_kubeconfig(NAMESPACE, "gpux")
    with run_operator(api.get("apps/v1", "Deployment", "gpux", NAMESPACE), login):
        eventually(lambda: api.get(*LEASE)["spec"].get("holderIdentity"), SOON, "the operator leads")
        before = api.get(*LEASE)
        cleared.install({"operator": {"logLevel": "debug"}})
        after = api.get(*LEASE)
    assert identity_of_lease(after) == identity_of_lease(before)
    cleared("uninstall", "gpux")
    assert api.find(*LEASE) is None


def identity_of_lease(found: Object) -> tuple[str, str, int]:
    return found["metadata"]["uid"], found["spec"]["holderIdentity"], found["spec"]["leaseTransitions"]


def test_a_lease_that_an_operator_made_is_left_alone(cleared: Helm) -> None:
    """The operators of charts before this one made theirs; helm would refuse to go on if the chart had it, too."""
    api = cleared.api
    kind = dict(zip(("apiVersion", "kind"), LEASE, strict=False))
    made = api.create({**kind, "metadata": {"name": "gpux"}, "spec": {"holderIdentity": "old"}}, NAMESPACE)
    try:
        for level in ("info", "debug"):
            cleared.install({"operator": {"logLevel": level}})
        cleared("uninstall", "gpux")
        assert api.get(*LEASE) == made
    finally:
        api.delete(*LEASE)


def test_everything_on_is_accepted_and_restricted(cleared: Helm) -> None:
    """The pods of all workloads are admitted where Pod Security is `restricted`."""
    api = cleared.api
    cleared.install(EVERYTHING)
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict", "labels": restricted}})
    eventually(lambda: api.find("v1", "ServiceAccount", "default", "strict"), SOON, "it has a service account")
    manifests = [*cleared.manifests(), *chart_manifests(EVERYTHING, tests=True)]
    pods = [item["spec"]["template"]["spec"] for item in manifests if item["kind"] in {"Deployment", "StatefulSet"}]
    pods += [item["spec"] for item in manifests if item["kind"] == "Pod"]
    assert len(pods) == 5
    for spec in pods:
        admitted = {**spec, "serviceAccountName": "default"}
        mounts = [mount["name"] for mount in spec["containers"][0].get("volumeMounts", ())]
        known = {volume["name"] for volume in spec.get("volumes", ())}
        admitted["volumes"] = [
            *spec.get("volumes", ()),
            *({"name": name, "emptyDir": {}} for name in mounts if name not in known),
        ]
        api.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}, "spec": admitted}, "strict")
    lax = {"containers": [{"name": "c", "image": "c"}]}
    with pytest.raises(ApiError, match="restricted"):
        api.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": lax}, "strict")


def test_the_redis_url_reaches_its_namespaces_and_an_upgrade_keeps_the_password(cleared: Helm) -> None:
    def url(namespace: str) -> str:
        return base64.b64decode(cleared.api.get("v1", "Secret", "gpux-redis", namespace)["data"]["url"]).decode()

    cleared.install(EVERYTHING)
    first = url("team-a")
    found = re.fullmatch(r"redis://:(\w{32})@gpux-redis\.gpux-system\.svc:6379/0", first)
    assert found
    assert url(NAMESPACE) == first
    password = cleared.api.get("v1", "Secret", "gpux-redis-auth", NAMESPACE)["data"]["password"]
    assert base64.b64decode(password).decode() == found[1]
    cleared.install(EVERYTHING)
    assert url("team-a") == first
    cleared.install({"redis": {**EVERYTHING["redis"], "auth": {"password": "chosen"}}})
    assert url("team-a").startswith("redis://:chosen@")


def test_the_pod_of_helm_test_says_whether_the_cluster_can_serve(cleared: Helm, run_operator: Runs) -> None:
    """There are no nodes: its command is run here, as its ServiceAccount with its rights."""
    api = cleared.api
    cleared.install()
    hooks = [item for item in chart_manifests(tests=True) if "helm.sh/hook" in item["metadata"].get("annotations", {})]
    *rights, pod = sorted(hooks, key=lambda item: item["kind"] == "Pod")
    for item in rights:
        api.apply(item)
    login = cleared.plane.service_account_kubeconfig(NAMESPACE, pod["spec"]["serviceAccountName"])
    arguments = [*pod["spec"]["containers"][0]["args"], f"--kubeconfig={login}"]

    def check(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([PROGRAM, *arguments, *more], capture_output=True, text=True, check=False)

    done = check("--wait-seconds=1")
    assert done.returncode == 1, done
    assert "no operator acts" in done.stdout
    operator = cleared.plane.service_account_kubeconfig(NAMESPACE, "gpux")
    with run_operator(api.get("apps/v1", "Deployment", "gpux", NAMESPACE), operator):
        done = check()
    assert done.returncode == 0, done
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 5
    assert [item["level"] for item in json.loads(check("--wait-seconds=0", "-o", "json").stdout)] == [
        "ok",
        "ok",
        "ok",
        "failed",
        "ok",
    ]
    assert api.list(GPUX, "GpuxModel", NAMESPACE) == []


def test_a_namespaced_operator_needs_nothing_of_the_cluster_and_sees_its_namespaces_only(
    cleared: Helm, run_operator: Runs
) -> None:
    api = cleared.api
    cleared.install()  # a platform team's: the CRD
    cleared("uninstall", "gpux")
    cleared.install(NAMESPACED, "team", namespace="team-a")
    scoped = {(item["kind"], item["metadata"].get("namespace")) for item in cleared.manifests("team", "team-a")}
    assert {namespace for _, namespace in scoped} == {"team-a"}
    for place in ("team-a", "team-b"):
        api.apply(model("n", place))
    login = cleared.plane.service_account_kubeconfig("team-a", "team-gpux")
    with run_operator(api.get("apps/v1", "Deployment", "team-gpux", "team-a"), login) as log:
        eventually(lambda: api.find(KSERVE, "InferenceService", "n", "team-a"), SOON, "team-a's is served")
        eventually(lambda: api.get(GPUX, "GpuxModel", "n", "team-a").get("status"), SOON, "and says so")
    assert api.find(KSERVE, "InferenceService", "n", "team-b") is None
    assert "status" not in api.get(GPUX, "GpuxModel", "n", "team-b")
    assert "is forbidden: User" not in log.read_text()
    assert "OperatorForbidden" not in log.read_text()
    with type(api)(login) as limited, pytest.raises(ApiError, match="forbidden"):
        limited.list(GPUX, "GpuxModel", "team-b")
    cleared("uninstall", "team", namespace="team-a")


def test_users_with_the_clusters_own_roles_may_use_models(cleared: Helm) -> None:
    api = cleared.api
    cleared.install()

    def rules(role: str) -> set[str]:
        found = api.get("rbac.authorization.k8s.io/v1", "ClusterRole", role)["rules"] or ()
        return {verb for rule in found if "gpux.io" in rule["apiGroups"] for verb in rule["verbs"]}

    eventually(lambda: "create" in rules("edit"), SOON, "edit takes the chart's role in")
    eventually(lambda: rules("view") == {"get", "list", "watch"}, SOON, "view reads")
