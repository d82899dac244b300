"""Probes, metrics, discovery, resync and kopf's registry."""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import kopf
import pytest
from kopf._cogs.structs import references

from gpux_operator.adapters import probes, watch
from gpux_operator.adapters.discovery import Discovery
from gpux_operator.adapters.metrics import Metrics
from gpux_operator.adapters.runner import connection_info
from gpux_operator.engine.echoes import Echoes
from gpux_operator.engine.queue import Key, KeyQueue
from gpux_operator.engine.resync import Resync
from gpux_operator.kube.api import GPUX_MODELS, INFERENCE_SERVICES
from gpux_operator.kube.errors import Forbidden, Transient
from gpux_operator.kube.login import Connection

if TYPE_CHECKING:
    from tests.unit.operator.conftest import FakeApi


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_probes() -> None:
    state = {"live": (True, "ok"), "ready": (False, "not yet")}
    server = probes.serve(0, lambda: state["live"], lambda: state["ready"])
    port = server.server_port
    try:
        assert fetch(port, "/healthz") == (200, "ok\n")
        assert fetch(port, "/readyz") == (503, "not yet\n")
        assert fetch(port, "/") == (404, "no such path: try /healthz or /readyz\n")
    finally:
        server.shutdown()
        server.server_close()


def test_metrics() -> None:
    metrics = Metrics()
    metrics.observe_reconcile("ready", 0.1)
    metrics.observe_reconcile("error", 0.1)
    metrics.count_request("get", "pods", "200")
    assert metrics.registry.get_sample_value("gpux_operator_reconcile_total", {"result": "ready"}) == 1
    assert metrics.registry.get_sample_value("gpux_operator_queue_retries_total") == 1
    assert (
        metrics.registry.get_sample_value(
            "gpux_operator_api_requests_total", {"verb": "get", "resource": "pods", "code": "200"}
        )
        == 1
    )
    assert metrics.registry.get_sample_value("gpux_operator_reconcile_duration_seconds_count") == 2


def test_discovery_calls_when_kinds_come_and_go(api: FakeApi) -> None:
    changes: list[int] = []
    discovery = Discovery(api, lambda: changes.append(1))
    api.missing_kinds.add(INFERENCE_SERVICES)
    assert not discovery.once()
    assert not discovery.once()
    assert changes == []
    api.missing_kinds.clear()
    assert discovery.once()
    assert discovery.once()
    assert changes == [1]
    api.missing_kinds.add(INFERENCE_SERVICES)
    assert not discovery.once()
    assert changes == [1, 1]


@pytest.mark.parametrize(
    ("version", "wrong"),
    [
        ("v1.29.9", True),
        ("v1.9.0+k3s1", True),
        ("v1.30.0", False),
        ("v1.35.2-gke.7", False),
        ("v2.0.0", False),
        ("", False),
    ],
)
def test_a_cluster_that_is_too_old_is_told_once(
    api: FakeApi, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, version: str, wrong: bool
) -> None:
    monkeypatch.setattr(api, "version", lambda: version)
    discovery = Discovery(api, lambda: None)
    assert discovery.tell_version()
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == int(wrong)
    assert all(f"Kubernetes {version} is not supported: upgrade the cluster to 1.30" in text for text in told)


@pytest.mark.parametrize(("error", "done"), [(Forbidden("no"), True), (Transient("later"), False)])
def test_a_version_that_is_not_told(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, error: Exception, done: bool
) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(api, "version", fail)
    assert Discovery(api, lambda: None).tell_version() is done


def test_resync_queues_every_model(api: FakeApi) -> None:
    for namespace in ("a", "b", "c"):
        api.store(GPUX_MODELS, {"metadata": {"name": "m", "namespace": namespace}}, "user")
    queue = KeyQueue()
    resync = Resync(api, queue, ["a", "b"], 600)
    assert not resync.done_once
    assert resync.once()
    assert resync.done_once
    assert [queue.get(block=False), queue.get(block=False), queue.get(block=False)] == [
        Key("a", "m"),
        Key("b", "m"),
        None,
    ]
    assert Resync(api, queue, [None], 600).once()
    assert len(queue) == 1, "two of them run"


def test_resync_looks_again_at_models_that_are_known_and_not_listed(
    api: FakeApi, key: Key, manifest: dict[str, Any]
) -> None:
    """The watch may have missed their deletion."""
    api.store(GPUX_MODELS, manifest, "user")
    queue, ghost = KeyQueue(), Key("prod", "ghost")
    assert Resync(api, queue, [None], 600, lambda: [key, ghost]).once()
    assert {queue.get(block=False), queue.get(block=False)} == {key, ghost}
    assert queue.get(block=False) is None


def test_resync_that_fails_gets_overdue_after_an_outage(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int, __: str) -> None:
        raise Transient("down")

    api.before = fail
    resync = Resync(api, KeyQueue(), [None], 0.01)
    assert not resync.once()
    time.sleep(0.05)
    assert not resync.overdue(), "the API server may be away for some minutes"
    monkeypatch.setattr("gpux_operator.engine.resync.OUTAGE_SECONDS", 0.0)
    assert resync.overdue()
    api.before = lambda number, verb: None
    assert resync.once()
    assert not resync.overdue(periods=100)


def test_resync_runs_when_triggered_and_stops(api: FakeApi) -> None:
    resync = Resync(api, KeyQueue(), [None], 3600)
    thread = threading.Thread(target=resync.run)
    thread.start()
    while not api.calls:
        time.sleep(0.01)
    resync.trigger()
    while len(api.calls) < 2:
        time.sleep(0.01)
    resync.stop()
    thread.join(5)
    assert not thread.is_alive()


def registry(queue: KeyQueue) -> kopf.OperatorRegistry:
    return watch.registry(queue, Metrics(), lambda: kopf.ConnectionInfo(server="http://x"))


def test_no_handler_writes_on_objects() -> None:
    """Change handlers, timers and daemons put annotations and finalizers on objects: InferenceServices would roll."""
    made = registry(KeyQueue())
    assert len(made._watching.get_all_handlers()) == 7
    for kind in (made._changing, made._spawning, made._webhooks):
        assert kind.get_all_handlers() == []


def send(handler: Any, body: Any) -> None:
    asyncio.run(handler.fn(meta=kopf.Meta(kopf.Body(body)), namespace="ns"))


def test_an_event_queues_the_model() -> None:
    queue = KeyQueue()
    handlers = registry(queue)._watching.get_all_handlers()
    child = {"metadata": {"name": "child", "labels": {"gpux.io/model": "m"}}}
    for handler in handlers:
        own = handler.id.startswith("gpuxmodels")
        body: Any = {"metadata": {"name": "m"}} if own else child
        send(handler, body)
        assert queue.get(block=False) == Key("ns", "m")
        queue.done(Key("ns", "m"))
    send(handler, {"metadata": {"name": "foreign"}})
    assert queue.get(block=False) is None


def test_an_event_of_a_version_that_a_pass_saw_queues_nothing() -> None:
    echoes = Echoes(kept=2)
    queue = KeyQueue(known=echoes)
    for version in ("6", "7", "8"):
        echoes.add(version)
    handler = next(iter(registry(queue)._watching.get_all_handlers()))
    for version, queued in (("8", 0), ("7", 0), ("9", 1), ("6", 1)):
        send(handler, {"metadata": {"name": "m", "resourceVersion": version}})
        assert len(queue) == queued, version


def test_the_watches_select_our_children_on_the_server() -> None:
    settings = watch.settings()
    for resource in watch.CHILDREN:
        found = references.Resource(group=resource.group, version=resource.version, plural=resource.plural)
        assert list(settings.watching.label_selectors.collect(found)) == [watch.SELECTOR]
    models = references.Resource(group=GPUX_MODELS.group, version=GPUX_MODELS.version, plural=GPUX_MODELS.plural)
    assert list(settings.watching.label_selectors.collect(models)) == []
    assert settings.scanning.disabled
    assert not settings.posting.enabled


@pytest.mark.parametrize(("header", "token"), [("Bearer abc", "abc"), ("bearer abc", "abc"), (None, None)])
def test_kopf_logs_in_as_we_do(header: str | None, token: str | None) -> None:
    made = connection_info(Connection("https://x", lambda: header, ca_path="/ca"))
    assert (made.server, made.token, made.ca_path, made.insecure) == ("https://x", token, "/ca", False)
