"""Where a callback goes: one strict reading of the caller's URL, so that what was checked is what is connected to."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from gpux_predictor.callbacks.address import Address, Network, permitted
from gpux_predictor.errors import BadRequest

MOST_CHARACTERS = 2048
_PORTS = {"http": 80, "https": 443}
_LOCALHOST = IPv4Address("127.0.0.1")
_CHARACTERS = re.compile(r"[!-~]*")
_URL = re.compile(r"(https?)://([^/?]*)(.*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class Allowed:
    """What the manifest says of callbacks' addresses (`spec.async.callbacks`).

    Attributes:
        networks: of `allowedNetworks`, reached though they are not public.
        hosts: of `allowedHosts`, lower case, `*.` for all names below; empty for any.
    """

    networks: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()

    def host(self, name: str) -> bool:
        """Whether callbacks to this name or literal address may be asked for."""
        return not self.hosts or any(
            name == pattern or (pattern.startswith("*.") and name.endswith(pattern[1:])) for pattern in self.hosts
        )


@dataclass(frozen=True)
class Target:
    """A callback URL, taken apart.

    Attributes:
        scheme: http or https.
        host: a name in lower case without a last dot, or a literal address without brackets.
        port: 1 to 65535.
        path: with the query; begins with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole; `parse` makes the same target of it."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def literal(self) -> Address | None:
        """The address, where the host is one."""
        if ":" in self.host:
            return IPv6Address(self.host)
        return IPv4Address(self.host) if _NUMBER.fullmatch(self.host.rpartition(".")[2]) else None


def parse(url: str, allowed: Allowed) -> Target:
    """The target of a `callback_url`, which may be asked for.

    Raises:
        BadRequest: no http or https URL, or one that leads where callbacks do not go; says what to send instead.
    """
    if len(url) > MOST_CHARACTERS:
        raise _bad(f"it has {len(url)} characters: send at most {MOST_CHARACTERS}")
    if not _CHARACTERS.fullmatch(url) or set(url) & set('\\"<>^`{|}'):
        raise _bad(
            "it has blanks or characters that URLs do not have: percent-encode the path, and write the host in ASCII (xn--…)"
        )
    if "#" in url:
        raise _bad("remove what begins with #, it is never sent")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise _bad("send one that begins with https:// or http://")
    scheme, authority, path = parts[1].lower(), parts[2].lower(), parts[3]
    host, port = _host_and_port(authority, _PORTS[scheme])
    target = Target(scheme, host, port, path if path.startswith("/") else f"/{path}")
    check(target, allowed)
    return target


def check(target: Target, allowed: Allowed) -> None:
    """Refuses a host that is not allowed, and a literal address or `localhost` that is not permitted.

    Raises:
        BadRequest: with the field of the manifest that would allow it.
    """
    if not allowed.host(target.host):
        raise _bad(f"callbacks to {target.host} are not allowed (spec.async.callbacks.allowedHosts)")
    here = target.host == "localhost" or target.host.endswith(".localhost")
    address = _LOCALHOST if here else target.literal
    if address is not None and not permitted(address, allowed.networks):
        raise _bad(
            f"{target.host} is not a public address: send the URL of a public host, or have its network added to "
            "spec.async.callbacks.allowedNetworks"
        )


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    """Host and port of a lower-case authority; numbers that only some programs read as an IPv4 address are refused."""
    if "@" in authority:
        raise _bad("remove the user and password: receivers know the sender by the signature")
    found = _AUTHORITY.fullmatch(authority)
    port = default if found is None or found[2] is None else int(found[2])
    if found is None or not 1 <= port <= 65535:
        raise _bad("send a host, and if need be a port of 1 to 65535: https://host:port/path")
    if found[1].startswith("["):
        return _literal(found[1][1:-1], IPv6Address), port
    host = found[1].removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _literal(host, IPv4Address), port
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad(f"{host[:80]!r} is not a host name: letters, digits, '-' and '_', between dots")
    return host, port


def _literal(text: str, kind: type[IPv4Address] | type[IPv6Address]) -> str:
    try:
        return str(kind(text))
    except ValueError:
        raise _bad(f"{text[:80]!r} is not an IP address: write four decimal numbers, or IPv6 in brackets") from None


def _bad(what: str) -> BadRequest:
    return BadRequest(f"Invalid callback_url: {what}")
