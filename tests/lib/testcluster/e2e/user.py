"""Somebody who has read the docs, on a cluster."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import docblocks
from testcluster.e2e.cluster import Cluster, Object
from testcluster.e2e.shell import Shell
from testcluster.waiting import eventually

INGRESS_SECONDS = 30.0


@dataclass
class User:
    """Works in one namespace, with this checkout.

    Attributes:
        shell: whose own namespace that is.
    """

    cluster: Cluster
    namespace: str
    shell: Shell

    def types(self, page: str, begins: str, options: str = "") -> str:
        """Runs a block of the docs as it stands there; returns what it prints.

        Args:
            page: its path in the repository.
            begins: as much of its text as no other block begins with.
            options: for its first command, beside those that are shown.
        """
        text = docblocks.one(page, begins).text.replace("\\\n", " ").replace("REGISTRY", "localhost")
        first, *rest = text.splitlines()
        return self.shell.run("\n".join([f"{first} {options}", *rest]))

    def models(self) -> dict[str, Object]:
        """The GpuxModels by their names."""
        return {item["metadata"]["name"]: item for item in self.cluster.select("gpuxmodels", self.namespace)}

    def host(self, name: str) -> str:
        """The name by which the ingress knows a model."""
        return str(urlsplit(self.models()[name]["status"]["url"]).hostname)

    def ask(self, name: str, path: str = "/predict", **body: Any) -> Any:
        """The JSON that a model answers through the ingress, which may hear of it a moment after it is ready."""
        host, method = self.host(name), "POST" if body else "GET"

        def answered() -> list[Any]:
            answer = self.cluster.http(host, path, method, **body)
            assert answer.status_code == 200, answer.text
            return [answer.json()]

        return eventually(answered, INGRESS_SECONDS, f"{name} answers {path}")[0]

    def uids(self, *kinds: str) -> dict[str, str]:
        """The objects of these kinds in the namespace by kind and name, each with its uid and, but for pods, its generation."""
        found = [item for kind in kinds for item in self.cluster.select(kind, self.namespace)]
        return {f"{item['kind']}/{item['metadata']['name']}": _version(item) for item in found}


def _version(item: Object) -> str:
    metadata = item["metadata"]
    return metadata["uid"] if item["kind"] == "Pod" else f"{metadata['uid']} {metadata.get('generation')}"
