"""One cluster for the whole session, with the chart installed by helm, and taken down whatever happens."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testcluster.e2e import models_claim, release
from testcluster.e2e.choice import choose, why_none
from testcluster.e2e.cluster import Cluster


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
    try:
        release.install(cluster)
        yield cluster
    finally:
        # on a cluster of our own this only takes time; on a given one it is what leaves it as it was
        if cluster.kind == "given":
            release.uninstall(cluster)


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
