"""The resource metrics API (metrics.k8s.io) of a cluster without nodes: an APIService on loopback with a test's numbers.

What a HorizontalPodAutoscaler of CPU needs of a metrics server; all else of it is the real controller.
"""

import base64
import json
import ssl
import tempfile
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from testcluster.api import Api, Object
from testcluster.certs import Authority
from testcluster.commands import HOST
from testcluster.waiting import eventually

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
ROOT = f"/apis/{GROUP}/{VERSION}"
NAMESPACE, SERVICE = "kube-system", "metrics"
AVAILABLE_SECONDS = 30.0


class MetricsApi:
    """A load in millicores for each namespace, which the pods that run there share.

    Without an APIService that answers, no namespace can be deleted: use it as a context manager.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._authority = Authority("metrics")
        self.millicores: dict[str, float] = {}
        handler = type("Handler", (_Handler,), {"answers": self})
        self._server = ThreadingHTTPServer((HOST, 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            pair = self._authority.issue("metrics", hosts=[f"{SERVICE}.{NAMESPACE}.svc"])
            context.load_cert_chain(*pair.write(Path(folder), "metrics"))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._register()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._api.delete("apiregistration.k8s.io/v1", "APIService", f"{VERSION}.{GROUP}")
        self._api.delete("v1", "Service", SERVICE, NAMESPACE)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _register(self) -> None:
        metadata = {"name": SERVICE, "namespace": NAMESPACE}
        self._api.apply(  # by name: the API server has no route to a ClusterIP here
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata,
                "spec": {"type": "ExternalName", "externalName": "localhost"},
            }
        )
        self._api.apply(self._registration())
        eventually(lambda: self._api.request("GET", ROOT), AVAILABLE_SECONDS, f"{GROUP} is served")

    def _registration(self) -> Object:
        spec = {
            "group": GROUP,
            "version": VERSION,
            "service": {"name": SERVICE, "namespace": NAMESPACE, "port": self._server.server_port},
            "caBundle": base64.b64encode(self._authority.pair.certificate).decode(),
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        }
        kind = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService"}
        return {**kind, "metadata": {"name": f"{VERSION}.{GROUP}"}, "spec": spec}

    def answer(self, target: str) -> Object:
        """The answer to a GET below ROOT: what there is, or the metrics of the pods that run."""
        url = urlsplit(target)
        if url.path == ROOT:
            kind = {
                "name": "pods",
                "singularName": "",
                "namespaced": True,
                "kind": "PodMetrics",
                "verbs": ["get", "list"],
            }
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{GROUP}/{VERSION}",
                "resources": [kind],
            }
        namespace = url.path.removeprefix(f"{ROOT}/namespaces/").partition("/")[0]
        selector = parse_qs(url.query).get("labelSelector", [""])[0]
        pods = [pod for pod in self._api.list("v1", "Pod", namespace, selector) if pod["status"]["phase"] == "Running"]
        items = [_measured(pod, self.millicores.get(namespace, 0) / len(pods)) for pod in pods]
        return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "PodMetricsList", "metadata": {}, "items": items}


def _measured(pod: Object, millicores: float) -> Object:
    first, *others = (container["name"] for container in pod["spec"]["containers"])
    used = {first: f"{round(millicores)}m", **dict.fromkeys(others, "0")}
    return {
        "metadata": {key: pod["metadata"][key] for key in ("name", "namespace", "labels")},
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "window": "1s",
        "containers": [{"name": name, "usage": {"cpu": cpu, "memory": "1Mi"}} for name, cpu in used.items()],
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: MetricsApi

    def do_GET(self) -> None:
        known = self.path.startswith(ROOT)
        content = json.dumps(self.answers.answer(self.path) if known else {}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing about requests."""
