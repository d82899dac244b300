"""KubeApi: its requests, as the API server understands them."""

from collections.abc import Iterator

from gpux_operator.build.metadata import MANAGER
from gpux_operator.kube.api import Manifest, Resource
from gpux_operator.kube.errors import KindMissing, NotFound
from gpux_operator.kube.transport import Request, Transport

_PAGE = 500
_VERSION = Resource("", "", "version")
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"


class Client:
    """The API server at the end of a connection. Safe to use from many threads.

    Args:
        transport: sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        """The object."""
        return self._transport.answer(Request("get", "GET", resource, resource.path(namespace, name)))

    def list(self, resource: Resource, namespace: str | None, labels: str = "", fields: str = "") -> Iterator[Manifest]:
        """All objects that carry the labels and have the fields, page by page."""
        token: str | None = ""
        while token is not None:
            query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields, "continue": token}
            page = self._transport.answer(Request("list", "GET", resource, resource.path(namespace), query))
            kind = {"apiVersion": page.get("apiVersion"), "kind": str(page.get("kind", "")).removesuffix("List")}
            yield from ({**kind, **item} for item in page.get("items") or ())  # items of a list don't carry their kind
            token = page.get("metadata", {}).get("continue") or None

    def apply(self, resource: Resource, desired: Manifest) -> Manifest:
        """Server-side apply with force; unknown fields are an error, not dropped."""
        return self._apply(resource, desired, None)

    def apply_status(self, resource: Resource, desired: Manifest) -> Manifest:
        """Server-side apply of the status subresource."""
        return self._apply(resource, desired, "status")

    def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Delete this very object; one that is gone already is fine."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            self._transport.answer(Request("delete", "DELETE", resource, resource.path(namespace, name), body=body))
        except NotFound:
            return

    def create(self, resource: Resource, obj: Manifest) -> Manifest:
        """Create the object."""
        return self._transport.answer(
            Request("create", "POST", resource, resource.path(obj["metadata"]["namespace"]), body=obj)
        )

    def admit(self, resource: Resource, obj: Manifest) -> None:
        """Ask whether the object would be created: schema, CEL, policies and webhooks have their say, nothing is stored."""
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        path = resource.path(obj["metadata"]["namespace"])
        self._transport.answer(Request("admit", "POST", resource, path, query, obj))

    def merge(self, resource: Resource, namespace: str, name: str, patch: Manifest) -> Manifest:
        """Merge-patch the object."""
        return self._transport.answer(
            Request("patch", "PATCH", resource, resource.path(namespace, name), body=patch, content_type=_MERGE)
        )

    def serves(self, resource: Resource) -> bool:
        """Whether the API server knows the kind now; discovery needs no permission of ours."""
        try:
            found = self._transport.answer(Request("discover", "GET", resource, resource.api_path))
        except (KindMissing, NotFound):
            return False
        return any(item["name"] == resource.plural for item in found.get("resources") or ())

    def version(self) -> str:
        """The API server's `gitVersion`, which is told to everybody."""
        return str(self._transport.answer(Request("discover", "GET", _VERSION, "/version")).get("gitVersion", ""))

    def _apply(self, resource: Resource, desired: Manifest, subresource: str | None) -> Manifest:
        metadata = desired["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"], subresource)
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
        return self._transport.answer(Request("apply", "PATCH", resource, path, query, desired, _APPLY))
