"""Which clusters the operator is made for."""

import re

LEAST = (1, 30)
"""The first Kubernetes with ValidatingAdmissionPolicy in v1, which the chart brings, and the CEL that the CRD's rules use."""


def complaint(version: str) -> str | None:
    """What is wrong with a cluster of this version; None if nothing is, or if it does not say.

    Args:
        version: `gitVersion` of the API server, such as v1.30.2 or v1.33.1-gke.4.
    """
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) >= LEAST:
        return None
    least = ".".join(map(str, LEAST))
    return (
        f"Kubernetes {version} is not supported: upgrade the cluster to {least} or newer; before it, rules of the GpuxModel's schema "
        "and of the chart's admission policy are missing, and models may fail for no reason that is told"
    )
