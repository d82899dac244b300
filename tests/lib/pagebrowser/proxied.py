"""A real ingress on loopback that serves a predictor under a path: Traefik with its StripPrefix."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from testcluster.ports import free_ports
from testcluster.waiting import eventually

TRAEFIK = Path(sys.executable).parent / "traefik"


@contextmanager
def under(prefix: str, target: str) -> Iterator[str]:
    """The address of the ingress, which sends what is under `prefix` to `target` without the prefix."""
    [port] = free_ports(1)
    rules = {
        "routers": {"model": {"rule": f"PathPrefix(`{prefix}`)", "service": "model", "middlewares": ["strip"]}},
        "middlewares": {"strip": {"stripPrefix": {"prefixes": [prefix]}}},
        "services": {"model": {"loadBalancer": {"servers": [{"url": target}]}}},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yaml"
        file.write_text(yaml.safe_dump({"http": rules}))
        options = [f"--entryPoints.web.address=127.0.0.1:{port}", f"--providers.file.filename={file}"]
        log = Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen([str(TRAEFIK), *options], stdout=out, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: _answers(f"{url}{prefix}/health"), 20, f"Traefik is up: {log.read_text()}")
            yield url
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
