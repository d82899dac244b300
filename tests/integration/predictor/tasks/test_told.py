"""The end of a task reaches the URL that its caller named, signed, once the receiver is there; from a real server."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest
import yaml
from standardwebhooks import Webhook

import onnxmodels
from predictorserver import Server, serve
from redisserver import RedisServer
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOST = "127.0.0.2"


class Receiver:
    """Verifies and keeps what arrives; the first answers are those given, then 204."""

    def __init__(self, port: int, *statuses: int) -> None:
        self.tasks: list[dict[str, Any]] = []
        self.ids: list[str] = []
        answers = list(statuses)
        receiver, both = self, Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                task = Webhook(SECRET).verify(body, dict(self.headers))
                with both:
                    receiver.tasks.append(task)
                    receiver.ids.append(self.headers["webhook-id"])
                self.send_response(answers.pop(0) if answers else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, port), Handler)

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        thread = Thread(target=self.server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


def manifest(folder: Path, **tasks: Any) -> Path:
    onnxmodels.identity(folder / "model.onnx")
    callbacks = {"secretRef": {"name": "hooks"}, "allowedNetworks": [f"{HOST}/32"]}
    spec = {"model": {"source": {"uri": "file://."}}, "async": {"callbacks": callbacks, **tasks}}
    body = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "telling"}, "spec": spec}
    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump(body))
    return path


def submit(server: Server, url: str | None, **headers: str) -> str:
    params = {} if url is None else {"callback_url": url}
    answer = server.http.post("/predict/async", params=params, json={"x": [[1.0, 2.0]]}, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def status(server: Server, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get(f"/monitoring/task_status/{task_id}").json()
    return found


def told(server: Server, task_id: str, seconds: float = 60) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while (found := status(server, task_id))["callback"]["status"] in {"waiting", "pending"}:
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


def refused(server: Server, task_id: str) -> dict[str, Any]:
    """Its callback, once the first attempt has failed."""

    def failed() -> dict[str, Any] | None:
        found: dict[str, Any] = status(server, task_id)["callback"]
        return found if found.get("error") else None

    return eventually(failed, SOON, "an attempt has failed")


@pytest.fixture(params=["embedded", "redis"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    monkeypatch.setenv("GPUX_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("GPUX_REDIS_URL", redis.url)
    shared = {"store": "redis", "redisUrlSecretRef": {"name": "r"}} if request.param == "redis" else {}
    with serve(manifest(tmp_path, **shared), state=tmp_path / "state") as found:
        yield found


def test_the_end_arrives_once_and_signed(server: Server) -> None:
    [port] = free_ports(1)
    url = f"http://{HOST}:{port}/done?a=b"
    with Receiver(port).listening() as receiver:
        by_query, by_header = submit(server, url), submit(server, None, **{"Callback-URL": url})
        for task_id in (by_query, by_header):
            found = told(server, task_id)
            assert found["callback"] == {"url": url, "status": "delivered", "attempts": 1}
        assert sorted(receiver.ids) == sorted([by_query, by_header])
        assert receiver.tasks[0] == {
            "task_id": receiver.ids[0],
            "status": "success",
            "result": {"y": [[1.0, 2.0]]},
        }
    text = server.http.get("/metrics").text
    assert 'prediction_callbacks_total{outcome="delivered"} 2.0' in text


def test_a_receiver_that_comes_late_is_told_and_the_task_shows_each_attempt(server: Server) -> None:
    [port] = free_ports(1)
    task_id = submit(server, f"http://{HOST}:{port}/done")
    found = refused(server, task_id)
    assert (found["status"], found["attempts"]) == ("pending", 1)
    assert HOST in found["error"]
    with Receiver(port).listening() as receiver:
        found = told(server, task_id)
        assert found["callback"]["status"] == "delivered"
        assert found["callback"]["attempts"] == 2
        assert receiver.ids == [task_id]


def test_a_cancelled_task_tells_its_end_too(server: Server) -> None:
    [port] = free_ports(1)
    with Receiver(port, 410).listening() as receiver:
        task_id = submit(server, f"http://{HOST}:{port}/done")
        server.http.delete(f"/monitoring/task_status/{task_id}")
        found = told(server, task_id)
        assert found["callback"]["status"] == "failed"
        assert found["callback"]["error"] == "HTTP 410: the receiver wants no more callbacks"
        assert len(receiver.tasks) == 1


def test_addresses_inside_are_refused_at_once(server: Server) -> None:
    for url in (
        "http://127.0.0.1:9/",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "ftp://a/",
        "http://0x7f.1/",
    ):
        answer = server.http.post("/predict/async", params={"callback_url": url}, json={"x": [[1.0, 2.0]]})
        assert answer.status_code == 400, url
        assert answer.json()["detail"].startswith("Invalid callback_url: ")


def test_what_was_not_told_when_the_server_died_is_told_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUX_WEBHOOK_SECRET", SECRET)
    [port] = free_ports(1)
    path, state = manifest(tmp_path), tmp_path / "state"
    with serve(path, state=state) as server:
        task_id = submit(server, f"http://{HOST}:{port}/done")
        refused(server, task_id)
        server.process.kill()
    with Receiver(port).listening() as receiver, serve(path, state=state) as server:
        assert told(server, task_id)["callback"]["status"] == "delivered"
        assert json.loads(json.dumps(receiver.tasks[-1]))["task_id"] == task_id


@contextmanager
def amid_an_attempt(server: Server) -> Iterator[tuple[str, int]]:
    """A task whose callback waits for an answer that does not come, and its receiver's port."""
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
        task_id = submit(server, f"http://{HOST}:{port}/done")
        connection, _ = listening.accept()
        with connection:
            yield task_id, port


def test_an_attempt_that_died_with_the_only_owner_comes_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUX_WEBHOOK_SECRET", SECRET)
    path, state = manifest(tmp_path), tmp_path / "state"
    with serve(path, state=state) as server, amid_an_attempt(server) as (task_id, port):
        server.process.kill()
        server.process.wait()
    with Receiver(port).listening(), serve(path, state=state) as server:
        found = told(server, task_id, seconds=20)
        assert (found["callback"]["status"], found["callback"]["attempts"]) == ("delivered", 1), (
            "what died does not count"
        )


def test_an_attempt_that_a_stop_cuts_off_comes_again_at_once(server: Server, tmp_path: Path) -> None:
    with amid_an_attempt(server) as (task_id, port):
        assert server.stop() == 0
    with Receiver(port).listening(), serve(tmp_path / "model.yaml", state=tmp_path / "state") as following:
        found = told(following, task_id, seconds=20)
        assert (found["callback"]["status"], found["callback"]["attempts"]) == ("delivered", 2)


def test_a_receiver_that_answers_nobody_holds_up_no_other(server: Server) -> None:
    [port] = free_ports(1)
    with socket.create_server((HOST, 0), backlog=100) as silent, Receiver(port).listening():
        for _ in range(40):
            submit(server, f"http://{HOST}:{silent.getsockname()[1]}/done")
        task_id = submit(server, f"http://{HOST}:{port}/done")
        assert told(server, task_id, seconds=5)["callback"]["status"] == "delivered"


def test_without_a_secret_callbacks_are_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path, callbacks=None)
    with serve(path) as server:
        answer = server.http.post(
            "/predict/async", params={"callback_url": "https://example.com/"}, json={"x": [[1.0, 2.0]]}
        )
        assert answer.status_code == 400
        assert answer.json()["detail"] == (
            "Invalid callback_url: this model sends no callbacks: set spec.async.callbacks.secretRef"
        )
