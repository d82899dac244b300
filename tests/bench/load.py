"""Closed-loop load by wrk, and what the server used meanwhile."""

import json
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import accounting
from .dialects import Request
from .servers import Running

SCRIPT = Path(__file__).with_name("wrk.lua")
SETTLE_SECONDS, SETTLE_STEP, SETTLE_SHARE = 10.0, 0.1, 0.3
"""The longest wait, and what share of how long a server may be busy to count as idle."""
MISSING = "wrk is missing: install it (Debian and Ubuntu: apt-get install wrk; macOS: brew install wrk)"


class LoadError(Exception):
    """wrk did not run."""


@dataclass(frozen=True)
class Window:
    """What one stretch of load measured.

    Attributes:
        rate: answers with a status below 400, a second.
        p50, p99: milliseconds, of all answers.
        errors: answers with another status, broken connections and time-outs.
        cpu: CPU microseconds of the server's processes for each answer.
        others: the share of one core that neither the server nor the load used.
    """

    rate: float
    p50: float
    p99: float
    errors: int
    cpu: float
    others: float


def installed() -> bool:
    """Whether wrk is on PATH."""
    return shutil.which("wrk") is not None


def parse(output: str) -> dict[str, int]:
    """The line of JSON among what wrk prints.

    Raises:
        LoadError: there is none.
    """
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadError(f"wrk printed no result: {output.strip()[-300:]}")
    found: dict[str, int] = json.loads(lines[-1])
    return found


def window(found: dict[str, int], server_cpu: float, load_cpu: float, machine_cpu: float) -> Window:
    """The figures of a stretch of load from wrk's result and the CPU seconds that each side used."""
    seconds = found["microseconds"] / 1e6
    good = found["requests"] - found["status"]
    errors = sum(found[name] for name in ("connect", "read", "write", "status", "timeout"))
    return Window(
        rate=good / seconds,
        p50=found["p50"] / 1000,
        p99=found["p99"] / 1000,
        errors=errors,
        cpu=server_cpu * 1e6 / max(1, found["requests"]),
        others=max(0.0, machine_cpu - server_cpu - load_cpu) / seconds,
    )


def run(
    server: Running,
    bodies: Path,
    requests: Sequence[Request],
    connections: int,
    seconds: float,
    core: int,
    *,
    quiet: bool = True,
) -> Window:
    """Posts the requests in turn on so many connections, each asking again as soon as it is answered.

    Args:
        server: who is asked.
        bodies: the folder with the requests' bodies, as `write` makes it.
        requests: the same requests; they share path and headers.
        connections: how many.
        seconds: how long; wrk counts whole ones, at least 1.
        core: the logical CPU that wrk runs on.
        quiet: whether to wait until the server is idle.

    Raises:
        LoadError: wrk failed.
    """
    first = requests[0]
    headers = [part for name, value in first.headers.items() for part in ("-H", f"{name}: {value}")]
    options = [
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "60s",
        "-s",
        str(SCRIPT),
        *headers,
    ]
    command = ["taskset", "--cpu-list", str(core), "wrk", *options, server.url + first.path]
    environment = {**os.environ, "BENCH_BODIES": str(bodies), "BENCH_COUNT": str(len(requests))}
    if quiet:
        settle(server)
    before = _cpu(server)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    after = _cpu(server)
    if done.returncode:
        raise LoadError(f"wrk ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
    server_cpu, load_cpu, machine_cpu = (later - earlier for earlier, later in zip(before, after, strict=True))
    return window(parse(done.stdout), server_cpu, load_cpu, machine_cpu)


def settle(server: Running) -> None:
    """Waits until the server has done what wrk left behind: the requests under way when it ended keep a server busy after it."""
    until = time.monotonic() + SETTLE_SECONDS
    before = accounting.cpu_seconds(accounting.tree(server.pid))
    while time.monotonic() < until:
        time.sleep(SETTLE_STEP)
        after = accounting.cpu_seconds(accounting.tree(server.pid))
        if after - before < SETTLE_STEP * SETTLE_SHARE:
            return
        before = after


def write(folder: Path, requests: Sequence[Request]) -> None:
    """Writes the bodies where wrk's script reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, request in enumerate(requests):
        (folder / str(number)).write_bytes(request.content)


def _cpu(server: Running) -> tuple[float, float, float]:
    """CPU seconds so far: the server's processes, this program and its finished children, the machine."""
    ours = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    load = sum(usage.ru_utime + usage.ru_stime for usage in ours)
    return accounting.cpu_seconds(accounting.tree(server.pid)), load, accounting.busy_seconds()
