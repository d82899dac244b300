"""The sender against real servers on loopback: what arrives, where it never arrives, and what misbehaving receivers cost.

127.0.0.2 stands for the public address: it is what the tests' manifest allows, beside nothing else. Linux has all of 127.0.0.0/8.
The event loop is the one of the server.
"""

import asyncio
import gc
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
import uvloop
from standardwebhooks.webhooks import Webhook

from gpux_predictor.callbacks.address import networks
from gpux_predictor.callbacks.outcome import Outcome, Sent
from gpux_predictor.callbacks.sender import Sender
from gpux_predictor.callbacks.signing import Signer
from gpux_predictor.callbacks.target import Allowed, parse
from receivers import answering, endless, receiver, writing
from testcluster.certs import Authority
from testcluster.ports import free_ports

DOCS = Path(__file__).parents[3] / "docs" / "callbacks.md"
OPEN, CLOSED = "127.0.0.2", "127.0.0.1"
OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BODY = orjson.dumps({"task_id": "task_1", "status": "success", "result": {"label": ["é"]}})
ALLOWED = Allowed(networks(f"{OPEN}/32"))


class Names:
    """A resolver of the test's own: each look-up has the next answer, the last one again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def sender(names: Names | None = None, seconds: float = 5.0, context: ssl.SSLContext | None = None) -> Sender:
    return Sender(Signer(f"{NEW} {OLD}"), ALLOWED, seconds, names or Names([OPEN]), context)


async def send(sender: Sender, url: str, body: bytes = BODY) -> Sent:
    return await sender.send(parse(url, ALLOWED), "task_1", body)


def test_what_arrives() -> None:
    async def check() -> None:
        async with receiver(answering(204), OPEN) as there:
            sent = await send(sender(), f"http://Hooks.Example:{there.port}/done?key=%20a")
        assert sent == Sent(Outcome.DELIVERED, "HTTP 204", 204)
        (request,) = there.requests
        assert request.line == "POST /done?key=%20a HTTP/1.1"
        assert request.headers["host"] == f"hooks.example:{there.port}"
        assert request.headers["content-type"] == "application/json"
        assert request.body == BODY
        for secret in (OLD, NEW):
            assert Webhook(secret).verify(request.body, request.headers) == orjson.loads(BODY)
        assert request.headers["webhook-id"] == "task_1"
        assert set(request.headers) == {
            "host", "connection", "content-length", "content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature",
        }  # fmt: skip

    uvloop.run(check())


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="the machine has no IPv6")
def test_a_literal_ipv6_address() -> None:
    async def check() -> None:
        allowed = Allowed(networks("::1/128"))
        async with receiver(answering(200), "::1") as there:
            url = f"http://[::1]:{there.port}/"
            sent = await Sender(Signer(OLD), allowed, 5.0).send(parse(url, allowed), "task_1", BODY)
        assert sent.outcome is Outcome.DELIVERED
        assert there.requests[0].headers["host"] == f"[::1]:{there.port}"

    uvloop.run(check())


def test_a_large_body() -> None:
    async def check() -> None:
        body = orjson.dumps({"result": "x" * 8_000_000})
        async with receiver(answering(200), OPEN) as there:
            assert (await send(sender(), f"http://a.example:{there.port}/", body)).outcome is Outcome.DELIVERED
        assert there.requests[0].body == body

    uvloop.run(check())


def test_the_receiver_of_the_docs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]
    monkeypatch.setenv("WEBHOOK_SECRET", OLD)
    program: dict[str, Any] = {}
    exec(compile(code, "docs/callbacks.md", "exec"), program)

    async def check() -> None:
        with socket.socket() as listener:
            listener.bind((OPEN, 0))
            server = uvicorn.Server(uvicorn.Config(program["app"], log_level="error"))
            serving = asyncio.create_task(server.serve([listener]))
            url = f"http://a.example:{listener.getsockname()[1]}/done"
            assert (await send(sender(), url)).outcome is Outcome.DELIVERED
            stranger = Sender(Signer(NEW), ALLOWED, 5.0, Names([OPEN]))
            assert (await send(stranger, url)).reason == "HTTP 401"
            server.should_exit = True
            await serving

    uvloop.run(check())
    assert capsys.readouterr().out == "task_1 success\n"


# Where callbacks never go.


def test_a_name_that_changes_its_address_after_the_check() -> None:
    async def check() -> None:
        names = Names([OPEN], [CLOSED])
        async with receiver(answering(200), OPEN) as there, receiver(answering(200), CLOSED, there.port) as victim:
            ours = sender(names)
            assert (await send(ours, f"http://a.example:{there.port}/")).outcome is Outcome.DELIVERED
            assert names.asked == ["a.example"], "one look-up for the check and the connection"
            sent = await send(ours, f"http://a.example:{there.port}/")
        assert sent.outcome is Outcome.FAILED
        assert sent.reason == "a.example has no public address, nor one of spec.async.callbacks.allowedNetworks"
        assert (there.connections, victim.connections) == (1, 0)

    uvloop.run(check())


@pytest.mark.parametrize("order", [(OPEN, CLOSED), (CLOSED, OPEN), (OPEN, "::ffff:127.0.0.1", "::1", "0.0.0.0")])
def test_a_name_with_both_kinds_of_addresses(order: Sequence[str]) -> None:
    async def check() -> None:
        (port,) = free_ports(1)
        async with receiver(answering(200), CLOSED, port) as victim:
            sent = await send(sender(Names(order)), f"http://a.example:{port}/")
            assert (sent.outcome, victim.connections) == (Outcome.RETRY, 0), (
                "nothing listens at the address that is allowed"
            )
            assert sent.reason == "a.example: could not connect: Connection refused"
            async with receiver(answering(200), OPEN, port) as there:
                sent = await send(sender(Names(order)), f"http://a.example:{port}/")
        assert (sent.outcome, there.connections, victim.connections) == (Outcome.DELIVERED, 1, 0)

    uvloop.run(check())


@pytest.mark.parametrize(
    "addresses",
    [
        [CLOSED],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["0.0.0.0"],
        ["fe80::1%1"],
        ["169.254.169.254", "10.0.0.1"],
    ],
)
def test_a_name_without_a_permitted_address(addresses: list[str]) -> None:
    async def check() -> None:
        async with receiver(answering(200), CLOSED) as victim:
            sent = await send(sender(Names(addresses)), f"http://a.example:{victim.port}/")
        assert (sent.outcome, victim.connections) == (Outcome.FAILED, 0)

    uvloop.run(check())


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (Allowed(ALLOWED.networks, ("other.example",)), "callbacks to 127.0.0.2 are not allowed"),
        (Allowed(), "127.0.0.2 is not a public address"),
    ],
)
def test_a_target_that_the_manifest_no_longer_allows(allowed: Allowed, words: str) -> None:
    async def check() -> None:
        async with receiver(answering(200), OPEN) as there:
            target = parse(f"http://{OPEN}:{there.port}/", ALLOWED)
            sent = await Sender(Signer(OLD), allowed, 5.0).send(target, "task_1", BODY)
        assert (sent.outcome, there.connections) == (Outcome.FAILED, 0)
        assert words in sent.reason

    uvloop.run(check())


def test_the_systems_resolver_is_checked_too() -> None:
    async def check() -> None:
        name = socket.gethostname()
        async with receiver(answering(200), "0.0.0.0") as there:
            url = f"http://localhost:{there.port}/"
            everywhere = Allowed(networks("127.0.0.0/8"))
            refusing, taking = (Sender(Signer(OLD), allowed, 60.0) for allowed in (ALLOWED, everywhere))
            sent = await refusing.send(parse(url, everywhere), "task_1", BODY)
            assert (sent.outcome, there.connections) == (Outcome.FAILED, 0), "submitted under another manifest"
            sent = await refusing.send(parse(f"http://{name}:{there.port}/", ALLOWED), "task_1", BODY)
            assert (sent.outcome, there.connections) == (Outcome.FAILED, 0)
            sent = await taking.send(parse(url, everywhere), "task_1", BODY)
            assert (sent.outcome, there.connections) == (Outcome.DELIVERED, 1)
            sent = await taking.send(parse(f"http://nowhere.invalid:{there.port}/", everywhere), "task_1", BODY)
            assert sent == Sent(Outcome.RETRY, "nowhere.invalid: there is no such name, or DNS does not answer")

    uvloop.run(check())


def test_nothing_is_looked_up_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_up(*_args: object, **_more: object) -> None:
        raise AssertionError("a second look-up")

    async def check() -> None:
        async with receiver(answering(200), OPEN) as there:
            monkeypatch.setattr(socket, "getaddrinfo", looked_up)
            assert (await send(sender(), f"http://a.example:{there.port}/")).outcome is Outcome.DELIVERED
            assert (await send(sender(), f"http://{OPEN}:{there.port}/")).outcome is Outcome.DELIVERED

    uvloop.run(check())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    async def check() -> None:
        async with receiver(answering(200), CLOSED) as victim:
            for location in (f"http://{CLOSED}:{victim.port}/", f"http://{OPEN}:{victim.port}/"):
                async with receiver(answering(status, f"Location: {location}"), OPEN) as there:
                    sent = await send(sender(), f"http://a.example:{there.port}/")
                assert sent == Sent(
                    Outcome.RETRY, f"HTTP {status}: redirects are not followed, send the final callback_url", status
                )
        assert (victim.connections, there.connections) == (0, 1)

    uvloop.run(check())


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with receiver(answering(200), OPEN) as there, receiver(answering(200), CLOSED) as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://{CLOSED}:{proxy.port}")
            assert (await send(sender(), f"http://a.example:{there.port}/")).outcome is Outcome.DELIVERED
        assert (there.connections, proxy.connections) == (1, 0)

    uvloop.run(check())


# What receivers answer.


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (410, (), Sent(Outcome.FAILED, "HTTP 410: the receiver wants no more callbacks", 410)),
        (429, ("Retry-After: 120",), Sent(Outcome.RETRY, "HTTP 429", 429, 120.0)),
        (503, ("retry-after:  7 ",), Sent(Outcome.RETRY, "HTTP 503", 503, 7.0)),
        (503, ("Retry-After: \xa0",), Sent(Outcome.RETRY, "HTTP 503", 503)),
        (500, ("Retry-After: 120",), Sent(Outcome.RETRY, "HTTP 500", 500)),
        (502, (), Sent(Outcome.RETRY, "HTTP 502", 502)),
        (404, (), Sent(Outcome.RETRY, "HTTP 404", 404)),
    ],
)
def test_failures(status: int, headers: tuple[str, ...], expected: Sent) -> None:
    async def check() -> None:
        async with receiver(answering(status, *headers, body=b"secret things"), OPEN) as there:
            assert await send(sender(), f"http://a.example:{there.port}/") == expected

    uvloop.run(check())


# Receivers that misbehave.


async def took(attempt: Awaitable[Sent]) -> tuple[Sent, float]:
    began = time.monotonic()
    return await attempt, time.monotonic() - began


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "behave",
    [
        endless(b"", b"", 0.05),
        endless(HEAD, b"X: y\r\n", 0.05),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
        endless(b"H", b"", 0.05),
    ],
    ids=["silent", "slow headers", "only interim answers", "slow status"],
)
def test_no_answer_in_time(behave: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
    async def check() -> None:
        async with receiver(behave, OPEN) as there:
            sent, seconds = await took(send(sender(seconds=0.5), f"http://a.example:{there.port}/"))
        assert sent == Sent(Outcome.RETRY, "a.example: no answer in time")
        assert 0.4 < seconds < 20, "the receiver has no end"

    uvloop.run(check())


@pytest.mark.parametrize(
    ("head", "piece", "pause"),
    [
        (HEAD + b"\r\n", b"x" * 65536, 0.0),
        (HEAD + b"Content-Length: 100000000000\r\n\r\n", b"x" * 65536, 0.0),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n", 0.0),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n", b"\x1f\x8b" + b"\0" * 65536, 0.0),
        (HEAD + b"\r\n", b"x", 0.05),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"nonsense\r\n", 0.0),
    ],
    ids=["endless", "enormous", "chunked", "compressed", "slow", "broken"],
)
def test_a_body_without_end_is_not_waited_for(
    head: bytes, piece: bytes, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpux_predictor.callbacks.connection.BODY_SECONDS", 1.0 if pause else 20.0)

    async def check() -> None:
        async with receiver(endless(head, piece, pause), OPEN) as there:
            sent, seconds = await took(send(sender(), f"http://a.example:{there.port}/"))
        assert sent == Sent(Outcome.DELIVERED, "HTTP 200", 200), "the status had come"
        assert seconds < 15, "64 KiB, or a second"

    uvloop.run(check())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the answer is not HTTP, or there was none"),
        (b"220 mail.example ESMTP\r\n", "the answer is not HTTP, or there was none"),
        (HEAD + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n", "the answer is not HTTP, or there was none"),
    ],
    ids=["closed", "another protocol", "enormous header"],
)
def test_no_http(data: bytes, words: str) -> None:
    async def check() -> None:
        async with receiver(writing(data), OPEN) as there:
            sent = await send(sender(), f"http://a.example:{there.port}/")
        assert sent == Sent(Outcome.RETRY, f"a.example: {words}")

    uvloop.run(check())


def test_a_name_server_that_does_not_answer() -> None:
    async def never(_host: str) -> Sequence[str]:
        return await asyncio.Future()

    async def check() -> None:
        ours = Sender(Signer(OLD), ALLOWED, 0.3, never)
        sent, seconds = await took(send(ours, "http://a.example/"))
        assert sent == Sent(Outcome.RETRY, "a.example: its name was not looked up in time")
        assert seconds < 2

    uvloop.run(check())


def test_an_address_that_does_not_answer() -> None:
    """A listener whose queue is full drops what comes; the next address is tried in time."""

    async def check() -> None:
        with socket.socket() as full, socket.socket() as filler:
            full.bind(("127.0.0.3", 0))
            full.listen(0)
            port = full.getsockname()[1]
            filler.connect(("127.0.0.3", port))
            allowed = Allowed(networks("127.0.0.2/31"))
            async with receiver(answering(200), OPEN, port) as there:
                for names, outcome in ((["127.0.0.3"], Outcome.RETRY), (["127.0.0.3", OPEN], Outcome.DELIVERED)):
                    ours = Sender(Signer(OLD), allowed, 4.0, Names(names))
                    sent, seconds = await took(ours.send(parse(f"http://a.example:{port}/", allowed), "task_1", BODY))
                    assert sent.outcome is outcome
                    assert seconds < 8
            assert there.connections == 1

    uvloop.run(check())


# TLS


class Certified:
    """An authority, a server certificate for hooks.example and 127.0.0.2, and who trusts the authority."""

    def __init__(self, folder: Path) -> None:
        authority = Authority()
        certificate, key = authority.issue("hooks", hosts=["hooks.example", OPEN]).write(folder, "hooks")
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(certificate, key)
        self.file, _ = authority.pair.write(folder, "authority")
        self.client = ssl.create_default_context(cafile=str(self.file))


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    return Certified(tmp_path)


def test_tls_asks_for_and_verifies_the_name_at_the_checked_address(certified: Certified) -> None:
    async def check() -> None:
        async with receiver(answering(200), OPEN, tls=certified.server) as there:
            ours = sender(context=certified.client)
            assert (await send(ours, f"https://hooks.example.:{there.port}/")).outcome is Outcome.DELIVERED
            assert (await send(ours, f"https://{OPEN}:{there.port}/")).outcome is Outcome.DELIVERED
            assert there.names == ["hooks.example", None]
            assert [request.headers["host"] for request in there.requests] == [
                f"hooks.example:{there.port}",
                f"{OPEN}:{there.port}",
            ]
            wrong = await send(ours, f"https://other.example:{there.port}/")
        assert wrong.outcome is Outcome.RETRY
        assert wrong.reason == (
            "other.example: its certificate is not valid: Hostname mismatch, certificate is not valid for 'other.example'."
        )
        assert len(there.requests) == 2, "nothing is sent before the certificate was verified"

    uvloop.run(check())


def test_tls_of_an_unknown_authority(certified: Certified, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with receiver(answering(200), OPEN, tls=certified.server) as there:
            url = f"https://hooks.example:{there.port}/"
            sent = await send(sender(), url)
            assert sent.outcome is Outcome.RETRY
            assert sent.reason.startswith("hooks.example: its certificate is not valid: ")
            assert there.requests == []
            monkeypatch.setenv("SSL_CERT_FILE", str(certified.file))
            assert (await send(sender(), url)).outcome is Outcome.DELIVERED

    uvloop.run(check())


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (answering(400), "TLS failed: WRONG_VERSION_NUMBER"),
        (writing(b""), "TLS failed: "),
        (endless(b"", b"", 0.05), "no answer in time"),
    ],
    ids=["plain HTTP", "closed", "silent"],
)
def test_tls_with_a_server_that_speaks_none(
    behave: Callable[[asyncio.StreamWriter], Awaitable[None]], words: str
) -> None:
    async def check() -> None:
        async with receiver(behave, OPEN, listens=False) as there:
            sent = await send(sender(seconds=0.5), f"https://a.example:{there.port}/")
        assert (sent.outcome, sent.status) == (Outcome.RETRY, None)
        assert sent.reason.startswith(f"a.example: {words}")

    uvloop.run(check())
    gc.collect()  # a connection that was left open warns, and fails the test


def test_a_task_that_is_cancelled_leaves_no_connection() -> None:
    async def check() -> None:
        async with receiver(endless(b"", b"", 0.05), OPEN, listens=False) as there:
            for scheme in ("http", "https"):
                attempt = asyncio.create_task(send(sender(), f"{scheme}://a.example:{there.port}/"))
                while not there.connections:
                    await asyncio.sleep(0.01)
                attempt.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await attempt
                there.connections = 0

    uvloop.run(check())
    gc.collect()
