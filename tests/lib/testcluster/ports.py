"""Ports on the loopback device for servers of a test."""

import atexit
import random
import socket
import sys
from collections import deque
from pathlib import Path

LOWEST = 15000
RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_REMEMBERED = 256
_given: "deque[socket.socket]" = deque()
"""What keeps the last ports from being given again, here or to a test in another process, before a server listens on them."""


@atexit.register
def _let_go() -> None:
    while _given:
        _given.pop().close()


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on, outside the range from which the kernel serves outgoing connections.

    Inside that range a client could get the port of a server that is just restarting, or even connect to itself on it.
    """
    candidates = random.sample(range(LOWEST, _highest()), k=1000)
    found: list[int] = []
    for port in candidates:
        if _is_free(port) and _reserved(port):
            found.append(port)
        if len(found) == count:
            break
    return found


def _highest() -> int:
    lowest_ephemeral = int(RANGE_FILE.read_text().split()[0]) if RANGE_FILE.exists() else 32768
    return lowest_ephemeral if lowest_ephemeral > LOWEST + 2000 else 65536


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _reserved(port: int) -> bool:
    """Whether nobody else was given the port a moment ago: a name of the abstract namespace has one holder and dies with it. Linux only."""
    if sys.platform != "linux":
        return True
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.bind(f"\0gpux-test-port-{port}")
    except OSError:
        holder.close()
        return False
    _given.append(holder)
    if len(_given) > _REMEMBERED:
        _given.popleft().close()
    return True
