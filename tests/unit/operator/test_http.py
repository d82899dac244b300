"""The real GET against real servers: one that is as it should be, and those that are not."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gpux_operator.adapters.http import Http
from testcluster.certs import Authority

HEALTH = {"status": "unhealthy", "reason": "SampleFailed", "detail": "née"}
MOMENT = 0.4


@contextmanager
def server(talk: Callable[[socket.socket], None], *, reads: bool = True) -> Iterator[str]:
    """Takes one connection and a request from it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def once() -> None:
            connection, _ = listening.accept()
            with connection:
                if reads:
                    connection.recv(4096)
                try:
                    talk(connection)
                except OSError:
                    return

        thread = threading.Thread(target=once, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(5)


def says(body: bytes, status: str = "200 OK", *headers: str) -> Callable[[socket.socket], None]:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers, "", ""]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + body)


def body(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("status", ["200 OK", "503 Service Unavailable"])
def test_a_predictor_answers(status: str) -> None:
    with server(says(body(HEALTH), status)) as address:
        assert Http(MOMENT).fetch(address, "/health") == HEALTH


def trickle(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(MOMENT / 4)


def trickle_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(100):
        connection.sendall(b"a")
        time.sleep(MOMENT / 4)


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(64):
        connection.sendall(b" " * 2**20)


WRONG = {
    "not found": says(body({"detail": "Not Found"}), "404 Not Found"),
    "elsewhere": says(b"{}", "302 Found", "Location: http://127.0.0.1:1/health"),
    "no JSON": says(b"<html>"),
    "no object": says(b"[1]"),
    "no text": says(b"\xff\xfe\xfa"),
    "too deep": says(b"[" * 200_000),
    "no HTTP": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"),
    "nothing": lambda connection: None,
    "cut off": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"),
    "too long": flood,
}


@pytest.mark.parametrize("talk", WRONG.values(), ids=WRONG)
def test_whatever_else_answers_says_nothing(talk: Callable[[socket.socket], None]) -> None:
    with server(talk) as address:
        assert Http(2.0).fetch(address, "/health") is None


@pytest.mark.parametrize(
    "talk",
    [lambda connection: connection.recv(1), trickle, trickle_headers],
    ids=["silent", "slow", "slow headers"],
)
def test_one_that_keeps_us_waiting_is_left(talk: Callable[[socket.socket], None]) -> None:
    with server(talk) as address:
        started = time.monotonic()
        assert Http(MOMENT).fetch(address, "/health") is None
        assert time.monotonic() - started < MOMENT * 20, "they talk for longer, and the silent one until it is left"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert Http(MOMENT).fetch(f"127.0.0.1:{port}", "/health") is None


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with server(says(body(HEALTH))) as address:
        assert Http(MOMENT).fetch(address, "/health") == HEALTH


def test_a_predictor_answers_over_tls_whoever_signed_its_certificate(tmp_path: Path) -> None:
    pair = Authority().issue("m-predictor.ns.svc", hosts=("m-predictor.ns.svc",)).write(tmp_path, "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)

    def secure(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(4096)
            says(body(HEALTH))(wrapped)

    with server(secure, reads=False) as address:
        assert Http(2.0).fetch(address.replace("http://", "https://"), "/health") == HEALTH


def test_one_that_speaks_no_tls_is_not_heard(tmp_path: Path) -> None:
    with server(says(body(HEALTH))) as address:
        assert Http(MOMENT).fetch(address.replace("http://", "https://"), "/health") is None
