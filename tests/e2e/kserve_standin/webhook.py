"""Serves the admission webhooks over TLS, and tells the API server about them."""

import base64
import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from testcluster import certs

from . import admission
from .kube import Kube
from .settings import GROUP, ISVC_LABEL, Settings

Object = dict[str, Any]
API_VERSION = "admissionregistration.k8s.io/v1"
KIND = "MutatingWebhookConfiguration"
NAME = f"inferenceservice.{GROUP}"
MUTATORS: dict[str, Callable[[Object, Settings], Object]] = {
    "/mutate-inferenceservices": admission.inference_service,
    "/mutate-pods": admission.pod,
}


def start(settings: Settings) -> bytes:
    """Serve in a thread; returns the authority's certificate that clients need."""
    authority = certs.Authority("kserve-standin")
    pair = authority.issue("webhook", hosts=[settings.webhook_host])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(*pair.write(Path(folder), "webhook"))
    handler = type("Handler", (_Handler,), {"settings": settings})
    server = ThreadingHTTPServer((settings.webhook_host, settings.webhook_port), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return authority.pair.certificate


def register(kube: Kube, settings: Settings, authority: bytes) -> None:
    """Have the API server ask the webhooks before it stores InferenceServices and their pods."""
    services = _webhook("defaulter", "/mutate-inferenceservices", settings, authority)
    services |= {"rules": [_rule(GROUP, "v1beta1", "inferenceservices", ["CREATE", "UPDATE"])]}
    pods = _webhook("pod-mutator", "/mutate-pods", settings, authority)
    pods |= {"rules": [_rule("", "v1", "pods", ["CREATE"])]}
    pods |= {"objectSelector": {"matchExpressions": [{"key": ISVC_LABEL, "operator": "Exists"}]}}
    kube.apply({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": NAME}, "webhooks": [services, pods]})


def unregister(kube: Kube) -> None:
    """Take the webhooks back, so that nothing waits for a program that is gone."""
    kube.delete(API_VERSION, KIND, None, NAME)


def _webhook(name: str, path: str, settings: Settings, authority: bytes) -> Object:
    url = f"https://{settings.webhook_host}:{settings.webhook_port}{path}"
    return {
        "name": f"inferenceservice.kserve-webhook-server.{name}",
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority).decode()},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 10,
    }


def _rule(group: str, version: str, resource: str, operations: list[str]) -> Object:
    return {"apiGroups": [group], "apiVersions": [version], "resources": [resource], "operations": operations}


def review(request: Object, mutate: Callable[[Object, Settings], Object], settings: Settings) -> Object:
    """The answer to one admission request: a patch, or a refusal."""
    answer: Object = {"uid": request["uid"], "allowed": True}
    given = request["object"]
    given["metadata"].setdefault("namespace", request.get("namespace", ""))
    try:
        mutated = mutate(given, settings)
        if request.get("oldObject"):
            admission.change(request["oldObject"], mutated)
    except admission.RefusedError as refusal:
        return answer | {"allowed": False, "status": {"code": 403, "message": str(refusal)}}
    if changes := list(_changes(given, mutated)):
        patch = json.dumps(changes)
        answer |= {"patchType": "JSONPatch", "patch": base64.b64encode(patch.encode()).decode()}
    return answer


def _changes(given: Object, mutated: Object) -> Iterator[Object]:
    before, after = given["metadata"].get("annotations"), mutated["metadata"].get("annotations")
    if after != before:
        yield {"op": "replace", "path": "/metadata/annotations", "value": after}
    if mutated["spec"] != given["spec"]:
        yield {"op": "replace", "path": "/spec", "value": mutated["spec"]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    settings = Settings()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0]
        answer = review(body["request"], MUTATORS[path], self.settings)
        content = json.dumps({"apiVersion": body["apiVersion"], "kind": body["kind"], "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing about requests."""
