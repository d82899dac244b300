"""Where callbacks go: the registries, what embeds an IPv4 address, and what no manifest opens."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpux_predictor.callbacks.address import networks, permitted

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:82f::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]
CLOSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "ffff::1",
]
EVERYTHING = networks("0.0.0.0/0", "::/0")


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str) -> None:
    assert permitted(ip_address(text))


@pytest.mark.parametrize("text", CLOSED)
def test_closed(text: str) -> None:
    assert not permitted(ip_address(text))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
@example(ip_address("fe80::a9fe:a9fe"))
def test_nothing_is_open_that_python_calls_private(address: IPv4Address | IPv6Address) -> None:
    if permitted(address):
        embeds = any(address in network for network in networks("64:ff9b::/96", "::ffff:0:0/96"))
        inner = ip_address(int(address) & 0xFFFFFFFF) if embeds else address
        kinds = ("private", "loopback", "multicast", "link_local", "reserved", "unspecified")
        assert not any(getattr(inner, f"is_{kind}") for kind in kinds)


@pytest.mark.parametrize(
    ("text", "allowed", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.0/24", True),
        ("10.1.2.3", "10.1.3.0/24", False),
        ("10.1.2.3", "10.9.9.9/8", True),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("64:ff9b::a01:203", "10.0.0.0/8", True),
        ("64:ff9b::a01:203", "64:ff9b::/96", False),
        ("10.1.2.3", "::/0", False),
        ("fd12::1", "fd12::/16", True),
        ("fd12::1", "0.0.0.0/0", False),
        ("8.8.8.8", "10.0.0.0/8", True),
        ("127.0.0.1", "127.0.0.0/8", True),
    ],
)
def test_allowed_networks(text: str, allowed: str, expected: bool) -> None:
    assert permitted(ip_address(text), networks(allowed)) is expected


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
    ],
)
def test_metadata_services_stay_closed_whatever_is_allowed(text: str) -> None:
    assert not permitted(ip_address(text), EVERYTHING)


def test_what_is_no_network() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/33"):
        networks("10.0.0.0/33")
