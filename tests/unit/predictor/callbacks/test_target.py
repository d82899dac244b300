"""Callback URLs: what is taken, in which form it is kept, and what is said of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpux_predictor.callbacks.address import networks
from gpux_predictor.callbacks.target import Allowed, Target, parse
from gpux_predictor.errors import BadRequest

NOTHING = Allowed()
LOOPBACK = Allowed(networks("127.0.0.0/8", "::1/128"))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM/Path?Query=1", "https://example.com/Path?Query=1"),
        ("http://example.com:80/x", "http://example.com/x"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("https://example.com?x=1", "https://example.com/?x=1"),
        ("https://example.com./x", "https://example.com/x"),
        ("https://my_service.team.svc/x", "https://my_service.team.svc/x"),
        ("https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example/x"),
        ("https://1and1.example/x", "https://1and1.example/x"),
        ("https://8.8.8.8:1/x", "https://8.8.8.8:1/x"),
        ("https://[2606:4700:4700:0::1111]/x", "https://[2606:4700:4700::1111]/x"),
        ("https://[::ffff:8.8.8.8]/x", "https://[::ffff:808:808]/x"),
        ("https://example.com//127.0.0.1/@x", "https://example.com//127.0.0.1/@x"),
        ("https://example.com/%00", "https://example.com/%00"),
    ],
)
def test_taken(url: str, kept: str) -> None:
    target = parse(url, NOTHING)
    assert target.url == kept
    assert parse(kept, NOTHING) == target


def test_the_parts() -> None:
    assert parse("https://A.example/x?y=z", NOTHING) == Target("https", "a.example", 443, "/x?y=z")
    assert parse("http://A.example:443/", NOTHING).authority == "a.example:443"
    assert parse("http://[2606:4700:4700::1111]:8080", NOTHING) == Target("http", "2606:4700:4700::1111", 8080, "/")


PRIVATE = [
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://0.0.0.0/",
    "http://10.0.0.1:8080/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::]/",
    "http://[::1]:80/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:7f00:0001]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://localhost/",
    "http://LOCALHOST:8080/",
    "http://localhost./",
    "http://a.localhost/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_refused_at_submit(url: str) -> None:
    with pytest.raises(BadRequest, match=r"is not a public address: .*spec\.async\.callbacks\.allowedNetworks"):
        parse(url, NOTHING)


NO_ADDRESS = [
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0x7F.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.0x1/",
    "http://127.0.0.01/",
    "http://1.2.3.4.5/",
    "http://example.0x/",
    "http://256.1.1.1/",
    "http://[::1::]/",
    "http://[1.2.3.4]/",
]


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_numbers_that_some_programs_read_as_an_address(url: str) -> None:
    with pytest.raises(BadRequest, match="is not an IP address: write four decimal numbers"):
        parse(url, LOOPBACK)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "begins with https://"),
        ("ftp://example.com/", "begins with https://"),
        ("file:///etc/passwd", "begins with https://"),
        ("//example.com/", "begins with https://"),
        ("https:example.com", "begins with https://"),
        ("https:/example.com", "begins with https://"),
        (" https://example.com", "blanks or characters"),
        ("https://example.com\n", "blanks or characters"),
        ("https://example.com/\r\nX: y", "blanks or characters"),
        ("https://exa\tmple.com", "blanks or characters"),
        ("https://example.com\\@127.0.0.1/", "blanks or characters"),
        ("https://bücher.example/", "host in ASCII"),
        ("http://\uff11\uff12\uff17.0.0.1/", "host in ASCII"),
        ("http://127。0。0。1/", "host in ASCII"),
        ("http://①②⑦.⓪.⓪.①/", "host in ASCII"),
        ("https://ex\u00adample.com/", "host in ASCII"),
        ("https://example.com/x#y", "begins with #"),
        ("https://user:secret@example.com/", "remove the user and password"),
        ("https://example.com@127.0.0.1/", "remove the user and password"),
        ("https://example.com:0/", "port of 1 to 65535"),
        ("https://example.com:65536/", "port of 1 to 65535"),
        ("https://example.com:-1/", "port of 1 to 65535"),
        ("https://example.com:/", "port of 1 to 65535"),
        ("https://example.com:80:80/", "port of 1 to 65535"),
        ("https:///path", "send a host"),
        ("https://[fe80::1%25eth0]/", "send a host"),
        ("https://[::1/", "send a host"),
        ("https://.example.com/", "is not a host name"),
        ("https://a..example/", "is not a host name"),
        ("https://example.com../", "is not a host name"),
        ("https://./", "is not a host name"),
        ("https://-a.example/", "is not a host name"),
        ("https://%31%32%37.0.0.a/", "is not a host name"),
        ("https://a,b.example/", "is not a host name"),
        (f"https://{'a' * 64}.example/", "is not a host name"),
        (f"https://{'a.' * 127}example/", "is not a host name"),
        (f"https://example.com/{'a' * 2048}", "at most 2048"),
    ],
)
def test_refused(url: str, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(url, LOOPBACK)
    assert refused.value.detail.startswith("Invalid callback_url: ")
    assert words in refused.value.detail
    assert "secret" not in refused.value.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "[::ffff:127.0.0.1]", "localhost", "a.localhost"])
def test_allowed_networks(host: str) -> None:
    assert parse(f"http://{host}:9/", LOOPBACK).port == 9
    with pytest.raises(BadRequest, match="not a public address"):
        parse("http://10.0.0.1/", LOOPBACK)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("hooks.example", True),
        ("HOOKS.example.", True),
        ("a.team.example", True),
        ("a.b.team.example", True),
        ("team.example", False),
        ("ateam.example", False),
        ("a.hooks.example", False),
        ("hooks.example.evil.example", False),
        ("8.8.8.8", False),
    ],
)
def test_allowed_hosts(host: str, expected: bool) -> None:
    allowed = Allowed(hosts=("hooks.example", "*.team.example"))
    if expected:
        parse(f"https://{host}/", allowed)
    else:
        with pytest.raises(BadRequest, match=r"are not allowed \(spec\.async\.callbacks\.allowedHosts\)"):
            parse(f"https://{host}/", allowed)


def test_an_allowed_host_is_still_no_private_address() -> None:
    with pytest.raises(BadRequest, match="not a public address"):
        parse("http://10.0.0.1/", Allowed(hosts=("10.0.0.1",)))


@given(
    st.text(st.sampled_from("htps:/[]@.:0127af%\\?#xlocahost-_ \t\u0660\uff45"), max_size=40).map(
        lambda tail: f"http://{tail}"
    )
)
def test_any_text_is_taken_or_refused(url: str) -> None:
    try:
        target = parse(url, NOTHING)
    except BadRequest:
        return
    assert parse(target.url, NOTHING) == target
    assert target.url.isascii()
    assert target.host not in {"127.0.0.1", "localhost", "::1"}
