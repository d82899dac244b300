"""The few requests that the controller makes, on the Kubernetes client's dynamic part."""

import datetime
from collections.abc import Iterator
from typing import Any

from kubernetes import config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient

from .settings import FIELD_MANAGER

Object = dict[str, Any]
NOT_FOUND = 404
WATCH_SECONDS = 300


class Kube:
    """Objects as plain dicts. A client is for one thread: each thread makes its own."""

    def __init__(self) -> None:
        self._client = DynamicClient(config.new_client_from_config())

    def _resource(self, api_version: str, kind: str) -> Any:
        return self._client.resources.get(api_version=api_version, kind=kind)

    def find(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        try:
            found: Object = self._resource(api_version, kind).get(name=name, namespace=namespace).to_dict()
        except ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return found

    def select(self, api_version: str, kind: str, namespace: str | None = None, labels: str = "") -> list[Object]:
        """All objects of a kind."""
        found = self._resource(api_version, kind).get(namespace=namespace, label_selector=labels)
        return [item.to_dict() for item in found.items]

    def watch(self, api_version: str, kind: str, labels: str = "") -> Iterator[Object]:
        """Each object when it changes, for some minutes."""
        resource = self._resource(api_version, kind)
        for event in self._client.watch(resource, label_selector=labels, timeout=WATCH_SECONDS):
            yield event["object"].to_dict()

    def apply(self, manifest: Object) -> Object:
        """Server-side apply, by force."""
        resource = self._resource(manifest["apiVersion"], manifest["kind"])
        namespace = manifest["metadata"].get("namespace")
        done = resource.server_side_apply(
            body=manifest, namespace=namespace, field_manager=FIELD_MANAGER, force_conflicts=True
        )
        result: Object = done.to_dict()
        return result

    def delete(self, api_version: str, kind: str, namespace: str | None, name: str) -> None:
        """Delete one object, if it is there."""
        try:
            self._resource(api_version, kind).delete(name=name, namespace=namespace)
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise

    def replace_status(self, isvc: Object) -> None:
        """Write the status; refused when the object has changed meanwhile."""
        resource = self._resource(isvc["apiVersion"], isvc["kind"])
        resource.status.replace(body=isvc, namespace=isvc["metadata"]["namespace"])

    def set_finalizers(self, isvc: Object, finalizers: list[str]) -> Object:
        """Write the finalizers, as a merge patch."""
        own = isvc["metadata"]
        body = {"metadata": {"finalizers": finalizers, "resourceVersion": own["resourceVersion"]}}
        resource = self._resource(isvc["apiVersion"], isvc["kind"])
        kind = "application/merge-patch+json"
        done = resource.patch(body=body, name=own["name"], namespace=own["namespace"], content_type=kind)
        result: Object = done.to_dict()
        return result

    def event(self, isvc: Object, kind: str, reason: str, message: str) -> None:
        """Post an event on an InferenceService."""
        own = isvc["metadata"]
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {key: isvc[key] for key in ("apiVersion", "kind")}
        about |= {key: own[key] for key in ("name", "namespace", "uid", "resourceVersion")}
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{own['name']}.", "namespace": own["namespace"]},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "type": kind,
            "source": {"component": "v1beta1Controllers"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self._resource("v1", "Event").create(body=body, namespace=own["namespace"])
