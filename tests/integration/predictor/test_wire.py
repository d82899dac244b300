"""HTTP as it comes over the wire: what the short way of /predict must leave to uvicorn, and that both ways answer alike."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import pytest

from predictorserver import Server

BODY = b'{"input_ids": [101, 1045, 2293, 2023, 102], "attention_mask": [1, 1, 1, 1, 1]}'
ANSWER = b'{"logits":[0.1,0.9]}'


def request(body: bytes = BODY, *headers: bytes, line: bytes = b"POST /predict HTTP/1.1") -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([line, b"Host: x", b"Content-Type: application/json", length, *headers, b"", body])


@contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    address = ("127.0.0.1", server.http.base_url.port or 0)
    with socket.create_connection(address, timeout=10) as link:
        yield link


def answers(link: socket.socket, count: int = 1) -> list[tuple[int, bytes]]:
    found, stream = [], link.makefile("rb")
    for _ in range(count):
        response = HTTPResponse(_Held(stream), method="POST")  # type: ignore[arg-type]
        response.begin()
        found.append((response.status, response.read()))
    return found


class _Held:
    """A socket's stream that HTTPResponse does not close."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def makefile(self, _: str) -> "_Held":
        return self

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def close(self) -> None:
        pass

    def flush(self) -> None:
        pass


def test_one_connection_many_requests(sentiment: Server) -> None:
    with connection(sentiment) as link:
        for _ in range(3):
            link.sendall(request())
            assert answers(link) == [(200, ANSWER)]


def test_a_request_in_single_bytes(sentiment: Server) -> None:
    with connection(sentiment) as link:
        for byte in request():
            link.sendall(bytes([byte]))
        assert answers(link) == [(200, ANSWER)]


def test_pipelined_requests_are_answered_in_order(sentiment: Server) -> None:
    other = BODY.replace(b"2293", b"5223")
    health = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with connection(sentiment) as link:
        link.sendall(request() + health + request(other) + request(b"{broken") + request())
        found = answers(link, 5)
    assert [status for status, _ in found] == [200, 200, 200, 400, 200]
    assert found[0][1] == found[4][1] == ANSWER
    assert b"healthy" in found[1][1]
    assert found[2][1].startswith(b'{"logits":[0.8')


def test_a_chunked_body(sentiment: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:10], BODY[10:])) + b"0\r\n\r\n"
    with connection(sentiment) as link:
        link.sendall(head + chunks)
        assert answers(link) == [(200, ANSWER)]


@pytest.mark.parametrize(
    ("line", "header"),
    [(b"POST /predict HTTP/1.1", b"Connection: close"), (b"POST /predict HTTP/1.0", b"X-Nothing: x")],
)
def test_a_connection_that_is_not_kept(sentiment: Server, line: bytes, header: bytes) -> None:
    with connection(sentiment) as link:
        link.sendall(request(BODY, header, line=line))
        received = b""
        while part := link.recv(65536):
            received += part
    assert received.endswith(ANSWER)
    assert b"connection: close" in received.lower()


def test_a_client_that_waits_for_100_continue(sentiment: Server) -> None:
    head, _, body = request(BODY, b"Expect: 100-continue").partition(b"\r\n\r\n")
    with connection(sentiment) as link:
        link.sendall(head + b"\r\n\r\n")
        assert link.recv(100).startswith(b"HTTP/1.1 100 ")
        link.sendall(body)
        assert answers(link) == [(200, ANSWER)]


@pytest.mark.parametrize("path", [b"/predict?x=1", b"/predict/", b"/%70redict"])
def test_paths(sentiment: Server, path: bytes) -> None:
    with connection(sentiment) as link:
        link.sendall(request(line=b"POST " + path + b" HTTP/1.1"))
        assert answers(link) == [(200, ANSWER)]


def test_a_body_that_outgrows_the_short_way(sentiment: Server) -> None:
    tokens = b"[" + b",".join([b"0"] * 20_000) + b"]"
    with connection(sentiment) as link:
        link.sendall(request(b'{"input_ids": %b, "attention_mask": %b}' % (tokens, tokens)))
        link.sendall(request())
        assert answers(link, 2) == [(200, b'{"logits":[0.5,0.5]}'), (200, ANSWER)]


def test_both_ways_answer_alike(sentiment: Server) -> None:
    """A charset sends the request the ordinary way; what the client sees must be the same."""
    short = sentiment.http.post("/predict", content=BODY, headers={"content-type": "application/json"})
    long = sentiment.http.post("/predict", content=BODY, headers={"content-type": "application/json; charset=utf-8"})
    assert (short.status_code, short.content) == (long.status_code, long.content)
    assert list(short.headers) == list(long.headers)
    assert short.headers["server-timing"].startswith("queue;dur=")


def test_junk_is_400_and_closes(sentiment: Server) -> None:
    with connection(sentiment) as link:
        link.sendall(b"\x00\x01\x02\r\n\r\n")
        assert link.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("line", [b"POST /predict HTTP/1.1", b"POST /predict?x=1 HTTP/1.1", b"GET /health HTTP/1.1"])
@pytest.mark.parametrize("body", [b"", BODY])
def test_a_length_of_many_digits(sentiment: Server, line: bytes, body: bytes) -> None:
    """Python's int() refuses more than 4300."""
    length = b"Content-Length: %d" % len(body)
    with connection(sentiment) as link:
        link.sendall(request(body, line=line).replace(length, b"Content-Length: %b%d" % (b"0" * 5000, len(body))))
        link.sendall(request())
        first, second = answers(link, 2)
    assert first[0] == (400 if line.startswith(b"POST") and not body else 200), first
    assert second == (200, ANSWER)


def test_a_length_of_many_digits_that_is_too_large(sentiment: Server) -> None:
    for path in (b"/predict", b"/v1/models/sentiment:predict"):
        with connection(sentiment) as link:
            head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %b104857601\r\n\r\n" % (path, b"0" * 5000)
            link.sendall(head + bytes(300_000))
            assert answers(link)[0][0] == 413


def test_large_bodies_of_another_path_one_after_the_other(sentiment: Server) -> None:
    """In pieces, pipelined, as JSON that only its blanks make large; one without a length beside them."""
    path = b"POST /v1/models/%b:predict HTTP/1.1" % sentiment.http.get("/info").json()["name"].encode()
    body = b'{"instances": [' + b" " * 300_000 + BODY + b"]}"
    chunked = request(line=path).replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked")
    chunked = chunked[: -len(BODY)] + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with connection(sentiment) as link:
        link.sendall(request(body, line=path) + chunked + request(body, line=path) + request())
        one = b'{"predictions":[[0.1,0.9]]}'
        assert answers(link, 4) == [(200, one), (200, one), (200, one), (200, ANSWER)]


def test_a_client_that_leaves_in_the_middle_of_a_large_body(sentiment: Server) -> None:
    with connection(sentiment) as link:
        link.sendall(request(b" " * 300_000, line=b"POST /v2/models/sentiment/infer HTTP/1.1")[:200_000])
    assert sentiment.http.get("/health").status_code == 200
