"""A real `gpux-predictor serve` process on loopback, for tests."""

import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from testcluster.ports import free_ports
from testcluster.processes import tied
from testcluster.waiting import SOON, eventually

PROGRAM = Path(sys.executable).parent / "gpux-predictor"


@dataclass
class Server:
    """A running server.

    Attributes:
        http: a client with the server's base URL.
        process: the process.
        log: what it wrote, both streams.
    """

    http: httpx.Client
    process: "subprocess.Popen[bytes]"
    log: Path

    def wait_ready(self) -> None:
        """Waits until /health is 200."""
        eventually(
            lambda: self.http.get("/health").status_code == 200, SOON, f"the model is ready: {self.log.read_text()}"
        )

    def stop(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=SOON)


@contextmanager
def serve(
    manifest: Path,
    *arguments: str,
    ready: bool = True,
    state: Path | None = None,
    port: int | None = None,
    trust: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """Serves a manifest while the block runs; its tasks are in `state`, or gone after it. Over TLS if the client trusts somebody."""
    free, grpc = free_ports(2)
    port = port or free
    if "--grpc-port" not in arguments and "grpc" in manifest.read_text():
        arguments = (*arguments, "--grpc-port", str(grpc))  # the default is one for all that run at a time
    with tempfile.NamedTemporaryFile(suffix=".log") as log, tempfile.TemporaryDirectory() as folder:
        command = [str(PROGRAM), "serve", str(manifest), "--port", str(port), "--state-dir", str(state or folder)]
        command += arguments
        process = subprocess.Popen(tied(command), stdout=log, stderr=subprocess.STDOUT)
        base = f"http{'' if trust is None else 's'}://127.0.0.1:{port}"
        client = httpx.Client(base_url=base, timeout=30, verify=True if trust is None else trust)
        server = Server(client, process, Path(log.name))
        try:
            eventually(lambda: server.http.get("/v2/health/live").status_code == 200, SOON, "the port is open")
            if ready:
                server.wait_ready()
            yield server
        finally:
            server.http.close()
            process.kill()
            process.wait()
