"""Our chart on a cluster for tests."""

from testcluster.chart import CHART, NAMESPACE, RELEASE
from testcluster.e2e.cluster import Cluster

WHERE = ["--namespace", NAMESPACE]


def settings(cluster: Cluster) -> list[str]:
    """The options of helm that name our images as they are on the cluster's nodes."""
    found = []
    for program, reference in cluster.images().items():
        repository, _, tag = reference.rpartition(":")
        found += ["--set", f"{program}.image.repository={repository}", "--set", f"{program}.image.tag={tag}"]
    return found


def install(cluster: Cluster) -> None:
    """Installs the chart from this checkout, or makes of the release that is there what it would be then."""
    options = [*WHERE, "--create-namespace", *settings(cluster), "--wait", "--timeout", "3m"]
    cluster.helm("upgrade", "--install", RELEASE, CHART, *options)


def uninstall(cluster: Cluster) -> None:
    """Takes it away, where it is there."""
    cluster.helm("uninstall", RELEASE, *WHERE, "--ignore-not-found", "--wait")
