"""What Docker runs in the images to see whether they are healthy, against a server on loopback."""

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from testcluster.certs import Authority
from testcluster.native import images

HOST = "127.0.0.1"


class Answers(BaseHTTPRequestHandler):
    """`/200` is answered with 200, and so on."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing about requests."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """`host:port` of a server while the block runs."""
    server = ThreadingHTTPServer((HOST, 0), Answers)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def healthy(program: str, url: str, **environment: str) -> bool:
    """What the image's command says of a URL."""
    python, *arguments = images.healthcheck(program)
    assert python == "python"
    base = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    variables = base | {"GPUX_HEALTH_URL": url} | environment
    done = subprocess.run([sys.executable, *arguments], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, "Docker knows no others"
    return done.returncode == 0


@pytest.mark.parametrize("program", images.NAMES)
def test_it_goes_by_the_status_and_past_any_proxy(program: str) -> None:
    """Docker gives the proxies of its client's configuration to each container, often without NO_PROXY."""
    with serving() as address:
        assert healthy(program, f"http://{address}/200")
        assert healthy(
            program, f"http://{address}/200", HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9"
        )
        assert not healthy(program, f"http://{address}/503")
    assert not healthy(program, f"http://{address}/200")


def test_the_certificate_need_not_be_for_loopback(tmp_path: Path) -> None:
    """As with the kubelet's probes: it is for the name that callers use, and perhaps of an authority that the image does not know."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*Authority().issue("model", hosts=["model.example.com"]).write(tmp_path, "model"))
    with serving(tls) as address:
        assert healthy("predictor", f"https://{address}/200")
        assert not healthy("predictor", f"https://{address}/503")
