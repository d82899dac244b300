"""One cluster for the whole session, with the chart installed by helm, and taken down whatever happens."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testcluster.e2e import models_claim
from testcluster.e2e.choice import choose, why_none
from testcluster.e2e.cluster import Cluster

CHART = Path(__file__).resolve().parents[2] / "charts" / "gpux"
RELEASE = "gpux"
NAMESPACE = "gpux-system"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster with KServe or its stand-in, our images on its nodes, and nothing of ours installed."""
    if reason := why_none():
        print(f"\n{'!' * 100}\n!! END-TO-END TESTS SKIPPED: {reason}\n{'!' * 100}", file=sys.stderr, flush=True)
        pytest.skip(reason)
    cluster = choose()
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def installed(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with the chart installed from this checkout."""
    values = []
    for program, reference in cluster.images().items():
        repository, _, tag = reference.rpartition(":")
        values += [f"{program}.image.repository={repository}", f"{program}.image.tag={tag}"]
    settings = [part for value in [*values, "operator.image.pullPolicy=IfNotPresent"] for part in ("--set", value)]
    where = ["--namespace", NAMESPACE]
    try:
        cluster.helm(
            "upgrade", "--install", RELEASE, CHART, *where, "--create-namespace", *settings, "--wait", "--timeout", "3m"
        )
        yield cluster
    finally:
        # on a cluster of our own this only takes time; on a given one it is what leaves it as it was
        if cluster.kind == "given":
            cluster.helm("uninstall", RELEASE, *where, "--ignore-not-found", "--wait")


@pytest.fixture
def models(installed: Cluster, namespace: str, tmp_path: Path) -> Iterator[Cluster]:
    """The cluster with our chart, and a claim with the examples' models in the test's namespace."""
    with models_claim.filled(installed, namespace, tmp_path) as found:
        yield found


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one test, gone after it."""
    name = f"e2e-{abs(hash(request.node.nodeid)) % 10**6}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")
