"""A small client for tests: any kind of object as a plain dict, and every write checked strictly for unknown fields."""

import base64
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Self

import httpx
import yaml

from testcluster.errors import ClusterError

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
NOT_FOUND = 404
FIELD_MANAGER = "tests"
TIMEOUT_SECONDS = 30.0


class ApiError(ClusterError):
    """The API server's refusal: `status` is the HTTP status, `reason` Kubernetes' word for it."""

    def __init__(self, request: str, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        super().__init__(f"{request}: {status} {reason}: {message}", "the API server's message says it")


class Api:
    """Reads and writes objects of a cluster, by apiVersion and kind, as the user of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._http = httpx.Client(
            base_url=cluster["server"],
            verify=trust(cluster, user),
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def is_ready(self) -> bool:
        """True when the server answers and calls itself ready."""
        try:
            return self._http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """One object; ApiError 404 if there is none."""
        return self.request("GET", self.path(api_version, kind, namespace, name))

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None if there is none (or no such kind)."""
        try:
            return self.get(api_version, kind, name, namespace)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str | None = None, labels: str = "") -> list[Object]:
        """All objects of a kind, in one namespace or in all, that match a label selector."""
        found = self.request("GET", self.path(api_version, kind, namespace), params={"labelSelector": labels})
        return [{"apiVersion": api_version, "kind": kind, **item} for item in found["items"]]

    def create(self, manifest: Mapping[str, Any], namespace: str | None = None) -> Object:
        """Make a new object."""
        path = self.path(manifest["apiVersion"], manifest["kind"], _namespace(manifest, namespace))
        return self.request("POST", path, manifest, params=_writing())

    def apply(
        self,
        manifest: Mapping[str, Any],
        namespace: str | None = None,
        *,
        manager: str = FIELD_MANAGER,
        subresource: str = "",
    ) -> Object:
        """Server-side apply, by force."""
        name = manifest["metadata"]["name"]
        path = self.path(manifest["apiVersion"], manifest["kind"], _namespace(manifest, namespace), name, subresource)
        return self.request("PATCH", path, manifest, params=_writing(manager) | {"force": "true"}, content_type=APPLY)

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        change: Mapping[str, Any],
        namespace: str | None = None,
        *,
        subresource: str = "",
    ) -> Object:
        """Merge patch; `subresource="status"` changes a status."""
        path = self.path(api_version, kind, namespace, name, subresource)
        return self.request("PATCH", path, change, params=_writing(), content_type=MERGE)

    def delete(
        self, api_version: str, kind: str, name: str, namespace: str | None = None, *, propagation: str = "Background"
    ) -> None:
        """Delete one object; no error if it is gone already."""
        try:
            path = self.path(api_version, kind, namespace, name)
            self.request("DELETE", path, params={"propagationPolicy": propagation})
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise

    def path(
        self, api_version: str, kind: str, namespace: str | None = None, name: str = "", subresource: str = ""
    ) -> str:
        """Where the server has such objects. Asked for each time: kinds come and go while a test runs."""
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        resources = self.request("GET", root)["resources"]
        matching = [item for item in resources if item["kind"] == kind and "/" not in item["name"]]
        if not matching:
            raise ApiError(f"GET {root}", NOT_FOUND, "NotFound", f"there is no kind {kind} in {api_version}")
        scope = ["namespaces", namespace] if matching[0]["namespaced"] and namespace else []
        return "/".join([root, *scope, matching[0]["name"], *filter(None, [name, subresource])])

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """Any request whose answer is a JSON object."""
        content = None if body is None else json.dumps(body)
        answer = self._http.request(
            method, path, content=content, params=params, headers={"Content-Type": content_type}
        )
        if answer.is_success:
            parsed: Object = answer.json()
            return parsed
        raise _refusal(f"{method} {path}", answer)


def _writing(manager: str = FIELD_MANAGER) -> dict[str, str]:
    return {"fieldManager": manager, "fieldValidation": "Strict"}


def _namespace(manifest: Mapping[str, Any], default: str | None) -> str | None:
    own: str | None = manifest["metadata"].get("namespace")
    return own or default


def _refusal(request: str, answer: httpx.Response) -> ApiError:
    try:
        status = answer.json()
    except ValueError:
        return ApiError(request, answer.status_code, answer.reason_phrase, answer.text[:1000])
    return ApiError(request, answer.status_code, status.get("reason", ""), status.get("message", ""))


def trust(cluster: Mapping[str, str], user: Mapping[str, str]) -> ssl.SSLContext:
    """The cluster's authority and the user's certificate; OpenSSL reads the latter from a file only."""
    encoded = cluster.get("certificate-authority-data")
    context = ssl.create_default_context(
        cadata=base64.b64decode(encoded).decode() if encoded else None, cafile=cluster.get("certificate-authority")
    )
    if "client-certificate-data" in user:
        with NamedTemporaryFile(suffix=".pem") as file:
            for part in ("client-certificate-data", "client-key-data"):
                file.write(base64.b64decode(user[part]))
            file.flush()
            context.load_cert_chain(file.name)
    return context
