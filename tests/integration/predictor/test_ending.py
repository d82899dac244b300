"""Clients that keep connections open while the server ends: each request that they send is answered."""

import http.client
import random
import signal
import threading
import time
from pathlib import Path

import pytest

import onnxmodels
from predictorserver import Server, serve
from testcluster.waiting import SOON, eventually

PREDICT = ("POST", "/predict", '{"x": [1, 2]}', {"Content-Type": "application/json"})
INFO: tuple[object, ...] = ("GET", "/info", None, {})


def served(folder: Path) -> Path:
    onnxmodels.identity(folder / "model.onnx")
    path = folder / "model.yaml"
    path.write_text(
        "{apiVersion: gpux.io/v1alpha1, kind: GpuxModel, metadata: {name: m}, "
        f"spec: {{model: {{source: {{uri: 'file://{folder}'}}}}}}}}"
    )
    return path


def open_connection(server: Server) -> http.client.HTTPConnection:
    found = http.client.HTTPConnection("127.0.0.1", server.http.base_url.port, timeout=30)
    found.connect()
    found.auto_open = 0  # a connection that was closed is an error, not a new one
    return found


def takes_connections(server: Server) -> bool:
    """False from the moment on at which open connections are told to end, too."""
    try:
        open_connection(server).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("request_", [PREDICT, INFO], ids=["the short way", "uvicorn's"])
def test_a_request_on_an_open_connection_is_answered_and_is_its_last(
    request_: tuple[object, ...], tmp_path: Path
) -> None:
    with serve(served(tmp_path)) as server:
        server.http.close()
        link = open_connection(server)
        for told_to_end in (False, True):
            if told_to_end:
                server.process.send_signal(signal.SIGTERM)
                eventually(lambda: not takes_connections(server), SOON, "it ends")
            link.request(*request_)  # type: ignore[arg-type]
            answer = link.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (200, "close" if told_to_end else None)
            answer.read()
        assert server.process.wait(30) == 0


def test_an_idle_connection_holds_it_up_for_a_moment_only(tmp_path: Path) -> None:
    with serve(served(tmp_path)) as server:
        server.http.close()
        link = open_connection(server)
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert link.sock.recv(1) == b""
        assert time.monotonic() - started > 1.9
        assert server.process.wait(30) == 0
        link.close()


def test_ctrl_c_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    with serve(served(tmp_path)) as server:
        server.http.close()
        link = open_connection(server)
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        assert link.sock.recv(1) == b""
        assert time.monotonic() - started < 1.9, "after SIGTERM it waits for two seconds"
        server.process.wait(30)
        link.close()


def test_busy_clients_lose_nothing(tmp_path: Path) -> None:
    """As over a Service: connections outlive the pod's place among the endpoints, and only answers end them."""
    lost: list[BaseException] = []
    answered: list[int] = []
    begun: set[int] = set()

    def client(number: int) -> None:
        pause = random.Random(number)
        link = open_connection(server)
        while True:
            try:
                link.request(*PREDICT)
                answer = link.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                lost.append(error)
                return
            answered.append(answer.status)
            begun.add(number)
            if answer.getheader("Connection") == "close":
                return
            time.sleep(pause.uniform(0, 0.05))

    with serve(served(tmp_path)) as server:
        server.http.close()
        clients = [threading.Thread(target=client, args=(number,)) for number in range(40)]
        for thread in clients:
            thread.start()
        eventually(lambda: len(begun) == len(clients), SOON, "all are under way")
        assert server.stop() == 0
        for thread in clients:
            thread.join(30)
    assert not lost, f"{len(lost)} of {len(answered) + len(lost)}"
    assert set(answered) == {200}
