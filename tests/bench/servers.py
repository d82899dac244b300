"""Starting a server on its core, knowing when it answers, and stopping all of it."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from testcluster.ports import free_ports

from . import accounting
from .dialects import Request

START_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.02
UNWANTED = ("PYTHONDONTWRITEBYTECODE",)
"""Of our environment: with it a server compiles its sources anew at each start."""
LOG_LINES = 4


class StartError(Exception):
    """A server did not come to answer: says why, with the end of its log."""


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        ready_seconds: from the start of its process to its first answer with status 200.
        rss_megabytes: of its processes right after that.
    """

    port: int
    pid: int
    ready_seconds: float
    rss_megabytes: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Command:
    """What starts a server: `{port}` in its arguments becomes the port."""

    arguments: Sequence[str]
    environment: dict[str, str]


@contextmanager
def serve(command: Command, core: int, request: Request) -> Iterator[Running]:
    """Runs a server, all of it on one core from the start, while the block runs.

    Args:
        command: how to start it; its working directory is a new one.
        core: the logical CPU.
        request: what it has to answer with 200 to count as ready.

    Raises:
        StartError: it ended, or did not answer in time.
    """
    port = free_ports(1)[0]
    arguments = [argument.replace("{port}", str(port)) for argument in command.arguments]
    with tempfile.TemporaryDirectory(prefix="gpux-bench-") as folder:
        log = Path(folder) / "server.log"
        started = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["taskset", "--cpu-list", str(core), *arguments],
                cwd=folder,
                env={name: value for name, value in os.environ.items() if name not in UNWANTED} | command.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(process, port, request, log)
            ready = time.perf_counter() - started
            yield Running(port, process.pid, ready, accounting.rss_megabytes(accounting.tree(process.pid)))
        finally:
            _stop(process)


def _wait(process: "subprocess.Popen[bytes]", port: int, request: Request, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    said = "nothing listens"
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_SECONDS, trust_env=False) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                response = client.post(request.path, content=request.content, headers=request.headers)
            except httpx.HTTPError as error:
                said = type(error).__name__ if not isinstance(error, httpx.ConnectError) else said
            else:
                if response.status_code == 200:
                    return
                said = f"{response.status_code} {response.text[:300]}"
            time.sleep(POLL_SECONDS)
    ended = f"ended with {process.returncode}" if process.returncode is not None else f"last answer: {said}"
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    raise StartError(f"{ended}; its log ends: {' | '.join(lines[-LOG_LINES:])[-600:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stops a server as its supervisor would, and by force what is left of it then."""
    members = accounting.tree(process.pid)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in members:
        if pid != process.pid and accounting.tree(pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
