"""The port to the API server: the requests that the operator makes, and the kinds it makes them for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from gpux_api.v1alpha1 import GROUP, PLURAL, VERSION

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A kind as the API serves it."""

    group: str
    version: str
    plural: str

    @property
    def api_path(self) -> str:
        """The path of its group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of an object, of all objects in a namespace, or of all."""
        scope = f"/namespaces/{namespace}" if namespace is not None else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part is not None)
        return f"{self.api_path}{scope}/{self.plural}{tail}"


GPUX_MODELS = Resource(GROUP, VERSION, PLURAL)
INFERENCE_SERVICES = Resource("serving.kserve.io", "v1beta1", "inferenceservices")
CONFIG_MAPS = Resource("", "v1", "configmaps")
PODS = Resource("", "v1", "pods")
SERVICES = Resource("", "v1", "services")
EVENTS = Resource("", "v1", "events")
DEPLOYMENTS = Resource("apps", "v1", "deployments")
CRON_JOBS = Resource("batch", "v1", "cronjobs")
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets")
HORIZONTAL_POD_AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers")
KNATIVE_SERVICES = Resource("serving.knative.dev", "v1", "services")
KNATIVE_REVISIONS = Resource("serving.knative.dev", "v1", "revisions")
VIRTUAL_SERVICES = Resource("networking.istio.io", "v1beta1", "virtualservices")
SCALED_OBJECTS = Resource("keda.sh", "v1alpha1", "scaledobjects")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes")


class KubeApi(Protocol):
    """All requests raise `kube.errors.ApiError`."""

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        """The object."""

    def list(self, resource: Resource, namespace: str | None, labels: str = "", fields: str = "") -> Iterator[Manifest]:
        """All objects that carry the labels and have the fields, in a namespace or everywhere."""

    def apply(self, resource: Resource, desired: Manifest) -> Manifest:
        """Server-side apply, with force, as the operator's one field manager. Returns what is stored then."""

    def apply_status(self, resource: Resource, desired: Manifest) -> Manifest:
        """The same for the status subresource."""

    def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Delete this very object, not a namesake."""

    def admit(self, resource: Resource, obj: Manifest) -> None:
        """Ask whether the object would be created; nothing is stored."""

    def create(self, resource: Resource, obj: Manifest) -> Manifest:
        """Create the object; Conflict if it exists."""

    def merge(self, resource: Resource, namespace: str, name: str, patch: Manifest) -> Manifest:
        """Merge-patch the object."""

    def serves(self, resource: Resource) -> bool:
        """Whether the API server knows the kind now."""

    def version(self) -> str:
        """The API server's `gitVersion`."""
