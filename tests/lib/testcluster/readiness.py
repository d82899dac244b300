"""When a control plane works: asked from the outside, by what it does."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from testcluster.api import Api

NAMESPACE = "default"


def api_serves(api: Api) -> bool:
    """True when the API server is ready and has made the namespace that everything else begins with."""
    return api.is_ready() and api.find("v1", "Namespace", NAMESPACE) is not None


@contextmanager
def orphan(api: Api) -> Iterator[str]:
    """A config map whose owner does not exist, for the garbage collector to find."""
    name = f"orphan-{uuid.uuid4().hex[:8]}"
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "absent", "uid": str(uuid.uuid4())}
    metadata = {"name": name, "namespace": NAMESPACE, "ownerReferences": [owner]}
    api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    try:
        yield name
    finally:
        api.delete("v1", "ConfigMap", name, NAMESPACE)


def controllers_work(api: Api, orphan_name: str) -> bool:
    """True when namespaces get their service account and orphans are collected."""
    return (
        api.find("v1", "ServiceAccount", "default", NAMESPACE) is not None
        and api.find("v1", "ConfigMap", orphan_name, NAMESPACE) is None
    )
