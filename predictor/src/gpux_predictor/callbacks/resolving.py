"""From a host to the addresses that a callback may go to: looked up once, checked, and then connected to as they are."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from gpux_predictor.callbacks.address import Network, permitted
from gpux_predictor.callbacks.target import Target

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""A host name to its addresses as text, the best first; raises OSError."""


class SystemResolver:
    """The system's resolver (`/etc/hosts`, DNS with the pod's search domains), in threads of its own.

    A name server that never answers holds up other callbacks, not the model.
    """

    def __init__(self, threads: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="callback-dns")

    async def __call__(self, host: str) -> list[str]:
        """All addresses of a name; OSError where it has none."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _addresses, host)
        return list(dict.fromkeys(found))


def _addresses(host: str) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


async def addresses(target: Target, resolve: Resolve, allowed: Sequence[Network]) -> list[str]:
    """Those addresses of a target that a callback may go to, which may be none.

    Addresses that it may not go to are left out rather than held against the name: only what is returned here is connected to, and
    a name often has public and private addresses, or IPv4 and IPv6 loopback, of which the manifest allows some.

    Raises:
        OSError: the name has no address.
    """
    found = [str(target.literal)] if target.literal is not None else await resolve(target.host)
    return [text for text in found if permitted(ip_address(text), allowed)]
