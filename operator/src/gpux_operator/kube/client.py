"""KubeApi on a pool of connections: plain JSON in and out, a timeout on every request."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from gpux_operator.build.metadata import MANAGER
from gpux_operator.kube.api import Manifest, Resource
from gpux_operator.kube.errors import KindMissing, NotFound, NotLeading, TooManyRequests, Transient, from_response
from gpux_operator.kube.login import Connection
from gpux_operator.kube.pauses import Pauses


@dataclass(frozen=True)
class Patience:
    """How long requests may take.

    Args:
        timeouts: of one request.
        longest_pause: seconds that a 429 may ask for.
    """

    timeouts: urllib3.Timeout
    longest_pause: float


USUAL = Patience(urllib3.Timeout(connect=5.0, read=30.0), 300.0)
SHORT = Patience(urllib3.Timeout(connect=1.5, read=3.0), 2.0)
"""For the lease: two requests end within its renew deadline, and a 429 does not cost the leadership."""
_PAGE = 500
_VERSION = Resource("", "", "version")
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"

Count = Callable[[str, str, str], None]
"""Told of every request: its verb, the resource and the response's code (or `error`)."""

_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-f]+>:? ?")
"""urllib3 prints its objects: noise, and another one each time."""


@dataclass(frozen=True)
class _Request:
    verb: str
    method: str
    resource: Resource
    path: str
    query: dict[str, str] | None = None
    body: Manifest | None = None
    content_type: str = "application/json"


def _pool(connection: Connection) -> urllib3.PoolManager:
    settings: dict[str, Any] = {
        "maxsize": 64,  # the most workers there can be
        "cert_reqs": "CERT_REQUIRED" if connection.verify else "CERT_NONE",
        "ca_certs": connection.ca_path,
        "cert_file": connection.certificate_path,
        "key_file": connection.private_key_path,
    }
    return urllib3.ProxyManager(connection.proxy, **settings) if connection.proxy else urllib3.PoolManager(**settings)


class Client:
    """The API server at the end of a connection. Safe to use from many threads.

    Args:
        connection: see `kube.login`.
        count: told of every request.
        may_write: asked before every request that writes; NotLeading is raised where it says no.
        saw: told the version of each single object that was read or written.
        patience: how long requests may take.
    """

    def __init__(
        self,
        connection: Connection,
        count: Count = lambda verb, resource, code: None,
        may_write: Callable[[], bool] = lambda: True,
        saw: Callable[[str], None] = lambda version: None,
        *,
        patience: Patience = USUAL,
    ) -> None:
        self._connection = connection
        self._pool = _pool(connection)
        self._count = count
        self._may_write = may_write
        self._saw = saw
        self._timeouts = patience.timeouts
        self._pauses = Pauses(patience.longest_pause)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        """The object."""
        return self._answer(_Request("get", "GET", resource, resource.path(namespace, name)))

    def list(self, resource: Resource, namespace: str | None, labels: str = "", fields: str = "") -> Iterator[Manifest]:
        """All objects that carry the labels and have the fields, page by page."""
        token: str | None = ""
        while token is not None:
            query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields, "continue": token}
            page = self._answer(_Request("list", "GET", resource, resource.path(namespace), query))
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
            self._answer(_Request("delete", "DELETE", resource, resource.path(namespace, name), body=body))
        except NotFound:
            return

    def create(self, resource: Resource, obj: Manifest) -> Manifest:
        """Create the object."""
        return self._answer(_Request("create", "POST", resource, resource.path(obj["metadata"]["namespace"]), body=obj))

    def admit(self, resource: Resource, obj: Manifest) -> None:
        """Ask whether the object would be created: schema, CEL, policies and webhooks have their say, nothing is stored."""
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        path = resource.path(obj["metadata"]["namespace"])
        self._answer(_Request("admit", "POST", resource, path, query, obj))

    def merge(self, resource: Resource, namespace: str, name: str, patch: Manifest) -> Manifest:
        """Merge-patch the object."""
        return self._answer(
            _Request("patch", "PATCH", resource, resource.path(namespace, name), body=patch, content_type=_MERGE)
        )

    def serves(self, resource: Resource) -> bool:
        """Whether the API server knows the kind now; discovery needs no permission of ours."""
        try:
            found = self._answer(_Request("discover", "GET", resource, resource.api_path))
        except (KindMissing, NotFound):
            return False
        return any(item["name"] == resource.plural for item in found.get("resources") or ())

    def version(self) -> str:
        """The API server's `gitVersion`, which is told to everybody."""
        return str(self._answer(_Request("discover", "GET", _VERSION, "/version")).get("gitVersion", ""))

    def _apply(self, resource: Resource, desired: Manifest, subresource: str | None) -> Manifest:
        metadata = desired["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"], subresource)
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
        return self._answer(_Request("apply", "PATCH", resource, path, query, desired, _APPLY))

    def _answer(self, request: _Request) -> Manifest:
        """The answer's object; raises the ApiError of the response, Transient if there is none."""
        self._pauses.check(request.method, request.path)
        code = "none"
        try:
            response = self._send(request)
            code = str(response.status)
        except urllib3.exceptions.HTTPError as error:
            raise Transient(f"{request.method} {request.path}: {_ADDRESS.sub('', str(error))}") from error
        finally:
            self._count(request.verb, request.resource.plural, code)
        if not 200 <= response.status < 300:
            refusal = from_response(response.status, response.data, response.headers.get("Retry-After"))
            if isinstance(refusal, TooManyRequests):
                self._pauses.begin(request.method, request.path, refusal.retry_after)
            raise refusal
        try:
            answer: Manifest = json.loads(response.data)
        except ValueError:
            raise Transient(f"{request.method} {request.path}: the answer is no JSON") from None
        if request.verb not in {"list", "discover", "delete"}:
            self._saw(answer.get("metadata", {}).get("resourceVersion", ""))
        return answer

    def _send(self, request: _Request) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": MANAGER}
        if authorization := self._connection.authorization():
            headers["Authorization"] = authorization
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        body = None if request.body is None else json.dumps(request.body).encode()
        query = urlencode({name: value for name, value in (request.query or {}).items() if value})
        if request.method != "GET" and not self._may_write():
            raise NotLeading(f"{request.method} {request.path}: not sent, another replica may lead")
        response: urllib3.BaseHTTPResponse = self._pool.request(
            request.method,
            f"{self._connection.server}{request.path}" + (f"?{query}" if query else ""),
            body=body,
            headers=headers,
            timeout=self._timeouts,
            retries=False,
        )
        return response
