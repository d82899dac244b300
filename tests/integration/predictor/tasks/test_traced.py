"""Spans of tasks: each attempt linked to the request that submitted it, each callback in that request's trace; from real servers."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from batchinglab import spinning_graph
from predictorserver import Server, serve
from receivers.traces import Collected, attributes, collector
from redisserver import RedisServer
from testcluster.waiting import SOON, eventually

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOST = "127.0.0.2"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
QUICK, ENDLESS = [[1.0]], [[1e10]]


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """Its URL and the `traceparent` of each request; it answers with the statuses, then 204."""
    arrived: list[str] = []
    answers = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            arrived.append(self.headers["traceparent"])
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/secret?key=secret", arrived
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    with collector(monkeypatch) as found:
        yield found


@pytest.fixture(params=["embedded", "redis"])
def manifest(
    request: pytest.FixtureRequest, tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Path:
    spinning_graph(tmp_path / "model.onnx")
    monkeypatch.setenv("GPUX_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("GPUX_REDIS_URL", redis.url)
    tasks: dict[str, Any] = {
        "listed": True,
        "callbacks": {"secretRef": {"name": "hooks"}, "allowedNetworks": [f"{HOST}/32"]},
    }
    if request.param == "redis":
        tasks |= {"store": "redis", "redisUrlSecretRef": {"name": "redis"}}
    spec = {"model": {"source": {"uri": "file://."}}, "async": tasks}
    name = f"traced-{secrets.token_hex(4)}"  # one Redis serves all tests
    path = tmp_path / f"{name}.yaml"
    body = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": name}, "spec": spec}
    path.write_text(yaml.safe_dump(body))
    return path


def submit(server: Server, x: Any, url: str | None = None) -> str:
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    params = {} if url is None else {"callback_url": url}
    answer = server.http.post("/predict/async", params=params, json={"x": x}, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def linked(span: Span) -> tuple[str, str]:
    """Trace and span that it is linked to."""
    [link] = span.links
    return link.trace_id.hex(), link.span_id.hex()


def test_a_task_from_its_submission_to_its_callback(manifest: Path, collected: Collected) -> None:
    with serve(manifest) as server, receiver(503) as (url, arrived):
        task_id = submit(server, QUICK, url)
        [submission] = collected.named("POST /predict/async")
        [run] = collected.named(f"process {manifest.stem}")
        refused, delivered = collected.named("POST", 2)
    assert (submission.trace_id.hex(), submission.parent_span_id.hex()) == (TRACE, CALLER)
    assert run.kind == Span.SPAN_KIND_CONSUMER
    assert linked(run) == (TRACE, submission.span_id.hex())
    assert run.trace_id.hex() != TRACE
    assert run.start_time_unix_nano < run.end_time_unix_nano
    said = attributes(run)
    assert said["messaging.message.id"] == task_id
    assert said["messaging.operation.type"] == "process"
    assert (said["gpux.task.attempt"], said["gpux.task.outcome"]) == (1, "success")
    for attempt, span in enumerate((refused, delivered), start=1):
        assert span.kind == Span.SPAN_KIND_CLIENT
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, submission.span_id.hex())
        assert arrived[attempt - 1] == f"00-{TRACE}-{span.span_id.hex()}-01"
        assert attributes(span)["server.address"] == HOST
        assert attributes(span)["gpux.callback.attempt"] == attempt
        assert "secret" not in str(span)
    assert attributes(refused)["http.response.status_code"] == 503
    assert attributes(refused)["error.type"] == "503"
    assert refused.status.code == Status.STATUS_CODE_ERROR
    assert attributes(delivered)["http.response.status_code"] == 204
    assert delivered.status.code == Status.STATUS_CODE_UNSET


def test_a_run_of_another_process_is_linked_to_the_same_submission(
    manifest: Path, tmp_path: Path, collected: Collected
) -> None:
    state = tmp_path / "state"
    with serve(manifest, state=state) as server:
        task_id = submit(server, ENDLESS)
        [submission] = collected.named("POST /predict/async")
        server.process.kill()
    with serve(manifest, state=state) as server:

        def again() -> bool:
            [row] = server.http.get("/monitoring/tasks").json()["tasks"]
            return bool(row["attempts"] == 2)

        eventually(again, SOON, "the task runs again")
        server.http.delete(f"/monitoring/task_status/{task_id}")
        [run] = collected.named(f"process {manifest.stem}")
    assert linked(run) == (TRACE, submission.span_id.hex())
    assert attributes(run)["gpux.task.attempt"] == 2
    assert attributes(run)["gpux.task.outcome"] == "cancelled"


def test_an_attempt_that_fails(manifest: Path, collected: Collected) -> None:
    with serve(manifest) as server:
        submit(server, [[-1.0]])
        [run] = collected.named(f"process {manifest.stem}")
    assert attributes(run)["gpux.task.outcome"] == "failure"
    assert run.status.code == Status.STATUS_CODE_ERROR


def test_without_an_endpoint_nothing_is_sent_nor_imported(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    with serve(manifest) as server, receiver() as (url, arrived):
        submit(server, QUICK, url)
        eventually(lambda: arrived == [None], SOON, "the callback arrived, and has no traceparent")
        log = server.log.read_text()
    assert "httpcore" in log
    assert "opentelemetry.exporter" not in log  # Redis's client imports the SDK by itself
