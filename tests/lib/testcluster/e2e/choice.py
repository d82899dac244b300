"""Which cluster the tests run on."""

import os

from testcluster.e2e import kind
from testcluster.e2e.cluster import Cluster
from testcluster.e2e.given import GivenCluster
from testcluster.e2e.kind import KindCluster
from testcluster.e2e.native import NativeCluster
from testcluster.native import packages


def why_none() -> str | None:
    """Why there is no cluster to test on; None when there is one."""
    if os.environ.get("KUBECONFIG") or kind.works():
        return None
    if reason := packages.why_not():
        return f"no cluster to test on: KUBECONFIG is not set, there is no kind with a Docker engine, and {reason}"
    return None


def choose() -> Cluster:
    """The given cluster, else kind, else the native node; ready for the chart to be installed."""
    if os.environ.get("KUBECONFIG"):
        return GivenCluster()
    return KindCluster() if kind.works() else NativeCluster()
