"""The client against a scripted HTTP server: what is sent, and which error each answer becomes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpux_operator.kube import errors
from gpux_operator.kube.api import CONFIG_MAPS, GPUX_MODELS, HTTP_ROUTES, INFERENCE_SERVICES
from gpux_operator.kube.client import Client
from gpux_operator.kube.login import log_in
from gpux_operator.kube.transport import SHORT, Patience, Transport

Answer = tuple[int, Any, dict[str, str]]
UNMAPPED = (
    'configmaps "m" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion '
    'gpux.io/v1alpha1 Kind GpuxModel: no matches for kind "GpuxModel" in version "gpux.io/v1alpha1"'
)
"""What kube-apiserver 1.34 said in the seconds after the CRD was installed."""


class Server:
    """Answers in the order given; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                outer.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                code, answer, headers = outer.answers.pop(0)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture
def counted() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def client(server: Server, tmp_path: Path, counted: list[tuple[str, str, str]]) -> Iterator[Client]:
    kubeconfig = tmp_path / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    kubeconfig.write_text(yaml.safe_dump(content))
    made = Client(Transport(log_in(str(kubeconfig)), lambda *what: counted.append(what)))
    yield made
    made.close()


def test_an_apply(server: Server, client: Client, counted: list[tuple[str, str, str]]) -> None:
    obj = {"metadata": {"name": "m", "namespace": "ns"}}
    server.answers = [(200, {"stored": True}, {}), (200, {}, {})]
    assert client.apply(INFERENCE_SERVICES, obj) == {"stored": True}
    client.apply_status(GPUX_MODELS, obj)
    method, path, headers, body = server.seen[0]
    assert method == "PATCH"
    assert path == (
        "/apis/serving.kserve.io/v1beta1/namespaces/ns/inferenceservices/m?fieldManager=gpux-operator&force=true&fieldValidation=Strict"
    )
    assert headers["content-type"] == "application/apply-patch+yaml"
    assert headers["authorization"] == "Bearer secret-token"
    assert body == obj
    assert server.seen[1][1].startswith("/apis/gpux.io/v1alpha1/namespaces/ns/gpuxmodels/m/status?")
    assert counted == [("apply", "inferenceservices", "200"), ("apply", "gpuxmodels", "200")]


def test_a_list_comes_in_pages_and_its_items_know_their_kind(server: Server, client: Client) -> None:
    head = {"apiVersion": "v1", "kind": "ConfigMapList"}
    server.answers = [
        (200, {**head, "metadata": {"continue": "next/1"}, "items": [{"metadata": {"name": "a"}}]}, {}),
        (200, {**head, "metadata": {}, "items": [{"metadata": {"name": "b"}}]}, {}),
    ]
    found = list(client.list(CONFIG_MAPS, "ns", "gpux.io/model=m"))
    assert found == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in "ab"]
    assert server.seen[0][1] == "/api/v1/namespaces/ns/configmaps?limit=500&labelSelector=gpux.io%2Fmodel%3Dm"
    assert server.seen[1][1].endswith("&continue=next%2F1")


def test_a_delete_is_of_one_object_only(server: Server, client: Client) -> None:
    server.answers = [(200, {}, {}), (404, {"details": {"name": "m"}}, {})]
    client.delete(CONFIG_MAPS, "ns", "m", "uid-1")
    client.delete(CONFIG_MAPS, "ns", "m", "uid-1")
    assert server.seen[0][3]["preconditions"] == {"uid": "uid-1"}


@pytest.mark.parametrize(
    ("code", "body", "error"),
    [
        (404, {"details": {"name": "m", "kind": "inferenceservices"}}, errors.NotFound),
        (404, b"404 page not found\n", errors.KindMissing),
        (404, {"message": "the server could not find the requested resource", "details": {}}, errors.KindMissing),
        (409, {"message": "object has been modified"}, errors.Conflict),
        (403, {"message": 'inferenceservices "m" is forbidden: User "x" cannot patch resource'}, errors.Forbidden),
        (403, {"message": 'cronjobs.batch "access-denied" is forbidden: User "x" cannot patch resource "cronjobs"'}, errors.Forbidden),
        (403, {"message": 'configmaps is forbidden: User "admission" cannot create resource "configmaps"'}, errors.Forbidden),
        (403, {"message": 'admission webhook "v" denied the request: m is forbidden: User "x" cannot get resource "m"'}, errors.Rejected),
        (403, {"message": UNMAPPED}, errors.Transient),
        (403, {"message": 'configmaps "m" is forbidden: exceeded quota: q, requested: count/configmaps=1'}, errors.QuotaExceeded),
        (403, {"message": 'admission webhook "v" denied the request: no'}, errors.Rejected),
        (403, {"message": "ns is forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}, errors.NamespaceEnding),
        (400, {"message": "strict decoding error: unknown field"}, errors.Rejected),
        (422, {"message": "is invalid"}, errors.Rejected),
        (500, {"message": ".spec.x: field not declared in schema"}, errors.Rejected),
        (500, {"message": 'failed calling webhook "x": no endpoints available'}, errors.Transient),
        (401, {"message": "Unauthorized"}, errors.Transient),
        (503, b"<html>", errors.Transient),
        (502, b"", errors.Transient),
        (500, [], errors.Transient),
    ],
)  # fmt: skip
def test_errors(server: Server, client: Client, code: int, body: Any, error: type[errors.ApiError]) -> None:
    server.answers = [(code, body, {})]
    with pytest.raises(errors.ApiError) as caught:
        client.get(INFERENCE_SERVICES, "ns", "m")
    assert type(caught.value) is error
    assert str(caught.value)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), (None, 1.0), ("Wed, 21 Oct", 1.0)])
def test_a_pause_that_is_asked_for(server: Server, client: Client, header: str | None, seconds: float) -> None:
    server.answers = [(429, {"message": "slow"}, {"Retry-After": header} if header else {})]
    with pytest.raises(errors.TooManyRequests) as caught:
        client.get(GPUX_MODELS, "ns", "m")
    assert caught.value.retry_after == seconds


def test_no_server(client: Client, server: Server, counted: list[tuple[str, str, str]]) -> None:
    server.http.shutdown()
    server.http.server_close()
    messages = set()
    for _ in range(2):
        with pytest.raises(errors.Transient) as caught:
            client.get(GPUX_MODELS, "ns", "m")
        messages.add(str(caught.value))
    assert counted == [("get", "gpuxmodels", "none")] * 2
    assert len(messages) == 1, "the same words each time: they are written into the status"


def test_an_answer_that_is_no_json_is_transient(client: Client, server: Server) -> None:
    server.answers = [(200, b"<html>proxy</html>", {})]
    with pytest.raises(errors.Transient):
        client.get(GPUX_MODELS, "ns", "m")


def test_which_kinds_are_served(server: Server, client: Client) -> None:
    server.answers = [
        (200, {"resources": [{"name": "httproutes"}]}, {}),
        (200, {"resources": []}, {}),
        (404, b"404 page not found", {}),
    ]
    assert [client.serves(HTTP_ROUTES) for _ in range(3)] == [True, False, False]
    assert server.seen[0][1] == "/apis/gateway.networking.k8s.io/v1"


def test_who_does_not_lead_reads_and_does_not_write(server: Server, tmp_path: Path, client: Client) -> None:
    leads = [True, False]
    fenced = Client(Transport(log_in(str(tmp_path / "kubeconfig")), may_write=lambda: leads.pop(0)))
    try:
        server.answers = [(200, {}, {})] * 2
        obj = {"metadata": {"name": "m", "namespace": "ns"}}
        fenced.apply(GPUX_MODELS, obj)
        with pytest.raises(errors.NotLeading, match="another replica may lead"):
            fenced.apply(GPUX_MODELS, obj)
        assert fenced.get(GPUX_MODELS, "ns", "m") == {}
        assert [method for method, *_ in server.seen] == ["PATCH", "GET"]
    finally:
        fenced.close()


def test_who_competes_for_the_lease_keeps_short_pauses(server: Server, tmp_path: Path, client: Client) -> None:
    """A 429 that asks for a minute would cost the leadership."""
    hasty = Client(Transport(log_in(str(tmp_path / "kubeconfig")), patience=Patience(SHORT.timeouts, 0.1)))
    try:
        server.answers = [(429, {"message": "slowly"}, {"Retry-After": "60"}), (200, {"spec": {}}, {})]
        with pytest.raises(errors.TooManyRequests):
            hasty.get(GPUX_MODELS, "ns", "m")
        time.sleep(0.15)
        assert hasty.get(GPUX_MODELS, "ns", "m") == {"spec": {}}
    finally:
        hasty.close()
