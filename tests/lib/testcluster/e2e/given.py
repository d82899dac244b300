"""A cluster that somebody gave: KUBECONFIG says where it is, and it has a real KServe."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from testcluster.e2e.cluster import Cluster
from testcluster.errors import ClusterError

T = TypeVar("T")


class GivenCluster(Cluster):
    """Used as it is, by environment variables: KUBECONFIG, GPUX_E2E_INGRESS, and an image for each program."""

    kind = "given"

    def __init__(self) -> None:
        self.kubeconfig = Path(os.environ["KUBECONFIG"])

    @property
    def ingress(self) -> str:
        return _variable("GPUX_E2E_INGRESS", "host:port at which the cluster's ingress controller answers")

    def images(self) -> dict[str, str]:
        names = ("operator", "predictor")
        return {
            name: _variable(f"GPUX_E2E_{name.upper()}_IMAGE", f"the {name}'s image, repository:tag") for name in names
        }

    def command(self, command: Sequence[str | Path]) -> list[str]:
        return ["env", f"KUBECONFIG={self.kubeconfig}", *(str(part) for part in command)]

    def call(self, function: Callable[[], T]) -> T:
        return function()

    def close(self) -> None:
        """Leave the cluster as it is: it is not ours."""


def _variable(name: str, meaning: str) -> str:
    if not (value := os.environ.get(name)):
        raise ClusterError(f"{name} is not set", f"set it beside KUBECONFIG: {meaning}")
    return value
