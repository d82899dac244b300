"""Which IP addresses a callback may go to: public ones, and those of the networks that the manifest allows.

Written out instead of `ipaddress`' `is_global`, whose answer differs between Python's patch releases. Sources: IANA's registries
of special-purpose IPv4 and IPv6 addresses, and the addresses of the clouds' metadata services.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def networks(*texts: str) -> tuple[Network, ...]:
    """Networks in CIDR form; bits behind the prefix are ignored.

    Raises:
        ValueError: one is none.
    """
    return tuple(ip_network(text, strict=False) for text in texts)


_NEVER = networks(
    "169.254.0.0/16",  # link-local: the metadata service of most clouds
    "100.100.100.200/32",  # Alibaba's
    "168.63.129.16/32",  # Azure's wire server, a public address
    "fd00:ec2::254/128",  # AWS's over IPv6
    "fd20:ce::254/128",  # Google's over IPv6
    "fe80::/10",  # link-local
    "224.0.0.0/4",  # multicast
    "ff00::/8",
    "255.255.255.255/32",  # broadcast
)
"""What no manifest can allow: whoever reads a metadata service is the node."""

_SPECIAL = networks(
    "0.0.0.0/8",  # this host
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",  # loopback
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",  # private
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "240.0.0.0/4",  # reserved
    "2001::/23",  # protocol assignments, Teredo among them
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "3fff::/20",  # documentation
)
_UNICAST = IPv6Network("2000::/3")
"""All that is assigned for the public IPv6 Internet; the rest is loopback, unique local, reserved."""
_NAT64 = IPv6Network("64:ff9b::/96")
"""Where clusters without IPv4 reach IPv4: DNS64 answers with these (RFC 6052)."""


def permitted(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether a callback may go there. An IPv6 address that stands for an IPv4 one is judged by that.

    Args:
        address: one that a connection would be made to.
        allowed: networks that are fine though not public.
    """
    inner = _embedded(address)
    if inner is not None:
        return permitted(inner, allowed)
    if any(address in network for network in _NEVER):
        return False
    return _public(address) or any(address in network for network in allowed)


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that a connection to an IPv4-mapped or NAT64 address ends at."""
    if isinstance(address, IPv4Address):
        return None
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped


def _public(address: Address) -> bool:
    routed = isinstance(address, IPv4Address) or address in _UNICAST
    return routed and not any(address in network for network in _SPECIAL)
