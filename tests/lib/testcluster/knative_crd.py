"""Knative's Services and Revisions as CRDs, as far as KServe and the operator look at them: any fields, and a status of their own."""

from typing import Any

from testcluster import crds
from testcluster.api import Api

GROUP, VERSION = "serving.knative.dev", "v1"
KINDS = {"services": "Service", "revisions": "Revision"}


def knative_crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions."""
    return [_crd(plural, kind) for plural, kind in KINDS.items()]


def install(api: Api) -> None:
    """Knative arrives: return when both kinds can be made."""
    crds.install(api, knative_crds())


def remove(api: Api) -> None:
    """Knative leaves, with all that it has."""
    for plural in KINDS:
        crds.remove(api, f"{plural}.{GROUP}")


def _crd(plural: str, kind: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
