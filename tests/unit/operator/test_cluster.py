"""What `gpux-operator check` says of clusters; the real ones are asked in tests/integration/charts."""

from typing import Any

import pytest

from gpux_api.v1alpha1.resource import MAX_NAME_AND_NAMESPACE
from gpux_operator.cluster import Finding, Question, check
from gpux_operator.kube.api import GPUX_MODELS, INFERENCE_SERVICES, Resource
from gpux_operator.kube.errors import ApiError, Forbidden, NotFound, Rejected, Transient

LEASE = ("gpux-system", "gpux")


class Cluster:
    """A cluster in which all is well, unless a test spoils it."""

    def __init__(self) -> None:
        self.kinds = {GPUX_MODELS, INFERENCE_SERVICES}
        self.git_version: str | ApiError = "v1.34.1"
        self.down: ApiError | None = None
        self.unasked: dict[Resource, ApiError] = {}
        self.refuses: dict[str, ApiError] = {"nowhere": Rejected("spec.model.source.uri: …")}
        self.leases: list[dict[str, str] | ApiError] = [
            {"holderIdentity": "a", "renewTime": f"12:00:0{n}"} for n in range(2)
        ]

    def serves(self, resource: Resource) -> bool:
        if error := self.down or self.unasked.get(resource):
            raise error
        return resource in self.kinds

    def admit(self, resource: Resource, obj: dict[str, Any]) -> None:
        metadata = obj["metadata"]
        name = f"{metadata['generateName']}x2k9p"  # five random characters: k8s.io/apiserver/pkg/storage/names
        if len(name) + len(metadata["namespace"]) > MAX_NAME_AND_NAMESPACE:
            raise Rejected("name and namespace must have at most 52 characters together")
        if error := self.refuses.get(obj["spec"]["model"]["source"]["uri"]):
            raise error

    def version(self) -> str:
        if error := self.down or (self.git_version if isinstance(self.git_version, ApiError) else None):
            raise error
        return str(self.git_version)

    def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        found = self.leases.pop(0) if len(self.leases) > 1 else self.leases[0]
        if isinstance(found, ApiError):
            raise found
        return {"spec": found}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def findings(cluster: Cluster, lease: tuple[str, str] | None = LEASE, namespace: str = "ns") -> list[Finding]:
    return list(check(cluster, Question(namespace, lease, 3), lambda seconds: None))


def failure(cluster: Cluster) -> str:
    [found] = [item.message for item in findings(cluster) if item.level == "failed"]
    return found


def test_all_is_well(cluster: Cluster) -> None:
    found = findings(cluster)
    assert [item.level for item in found] == ["ok"] * 5
    assert found[3].message == "an operator leads: a"


@pytest.mark.parametrize(
    ("version", "level", "words"),
    [
        ("v1.30.0", "ok", "Kubernetes v1.30.0: 1.30 and newer are supported"),
        ("v1.35.2-gke.7", "ok", "Kubernetes v1.35.2-gke.7: 1.30 and newer are supported"),
        ("v1.29.9", "failed", "Kubernetes v1.29.9 is not supported: upgrade the cluster to 1.30 or newer"),
        ("", "warning", "the API server does not tell its version: 1.30 and newer are supported"),
        (
            Forbidden("no"),
            "warning",
            "the version of Kubernetes cannot be asked (system:public-info-viewer allows it): no",
        ),
    ],
)
def test_the_version_of_kubernetes(cluster: Cluster, version: str | ApiError, level: str, words: str) -> None:
    cluster.git_version = version
    first, *others = findings(cluster)
    assert (first.level, first.message[: len(words)]) == (level, words)
    assert [item.level for item in others] == ["ok"] * 4, "the rest is looked at all the same"


def test_a_long_namespace_is_no_problem(cluster: Cluster) -> None:
    assert [item.level for item in findings(cluster, namespace="n" * 45)] == ["ok"] * 5


def test_what_kserve_is_cannot_always_be_asked(cluster: Cluster) -> None:
    cluster.unasked[INFERENCE_SERVICES] = Transient("connection reset")
    assert failure(cluster) == "whether KServe is installed cannot be asked: connection reset"


def test_a_missing_kserve_is_a_warning(cluster: Cluster) -> None:
    cluster.kinds.remove(INFERENCE_SERVICES)
    assert [item.level for item in findings(cluster)] == ["ok", "ok", "ok", "ok", "warning"]


def test_the_lease_is_not_looked_at_unless_named(cluster: Cluster) -> None:
    cluster.leases = [NotFound("no lease")]
    assert [item.level for item in findings(cluster, None)] == ["ok"] * 4


def test_nothing_else_is_asked_without_an_answer_or_the_crd(cluster: Cluster) -> None:
    cluster.kinds.clear()
    assert [item.level for item in findings(cluster)] == ["ok", "failed"]
    assert "crds.enabled=true" in failure(cluster)
    cluster.down = Transient("connection refused")
    assert [item.message for item in findings(cluster)] == ["the API server does not answer: connection refused"]


@pytest.mark.parametrize(
    ("refusals", "words"),
    [
        ({"s3://bucket/model": Forbidden("gpuxmodels is forbidden")}, "may not make a GpuxModel in namespace ns"),
        ({"s3://bucket/model": Rejected("quota")}, "a valid GpuxModel is refused in namespace ns: quota"),
        ({}, "a wrong GpuxModel is accepted"),
        ({"nowhere": Transient("timeout")}, "a wrong GpuxModel is not checked: timeout"),
    ],
)
def test_admission_that_does_not_work(cluster: Cluster, refusals: dict[str, ApiError], words: str) -> None:
    cluster.refuses = refusals
    assert words in failure(cluster)


@pytest.mark.parametrize(
    ("lease", "words"),
    [
        (NotFound("leases gpux not found"), "cannot be read: leases gpux not found"),
        ({"renewTime": "12:00:00"}, "nobody holds the Lease gpux in namespace gpux-system"),
        (
            {"holderIdentity": "a", "renewTime": "12:00:00"},
            "a holds the Lease gpux in namespace gpux-system and does not",
        ),
    ],
)
def test_an_operator_that_does_not_act(cluster: Cluster, lease: dict[str, str] | ApiError, words: str) -> None:
    cluster.leases = [lease]
    assert words in failure(cluster)
