"""The receiver in JavaScript of docs/callbacks.md, as it stands there, by Node.js and the packages that it names."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
import uvloop

import docblocks
from gpux_predictor.callbacks.address import networks
from gpux_predictor.callbacks.outcome import Outcome
from gpux_predictor.callbacks.sender import Sender
from gpux_predictor.callbacks.signing import Signer
from gpux_predictor.callbacks.target import Allowed, parse
from testcluster.ports import free_ports
from testcluster.processes import Program
from testcluster.waiting import SOON, eventually

PACKAGES = Path(__file__).parent / "nodejs"
"""What the receiver imports, pinned."""
SECRET, ANOTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BODY = orjson.dumps({"task_id": "task_1", "status": "success", "result": {"label": ["é"]}})
"""With a letter of two bytes: the signature is over bytes."""
ALLOWED = Allowed(networks("127.0.0.0/8"))


@dataclass
class Receiver:
    program: Program
    url: str

    def post(self, secret: str) -> tuple[Outcome, str]:
        async def send() -> tuple[Outcome, str]:
            sent = await Sender(Signer(secret), ALLOWED, 5.0).send(parse(self.url, ALLOWED), "task_1", BODY)
            return sent.outcome, sent.reason

        return uvloop.run(send())


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """The program of the docs, on a free port instead of 8000."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node.js and npm are not on this machine: the receiver in JavaScript of the docs was not run")
    for file in PACKAGES.iterdir():
        shutil.copy(file, tmp_path)
    install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=5", "--loglevel=error"]
    done = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    code, port = docblocks.one("docs/callbacks.md", "import { Webhook }").text, free_ports(1)[0]
    assert ".listen(8000)" in code
    (tmp_path / "receiver.js").write_text(code.replace(".listen(8000)", f".listen({port}, '127.0.0.1')"))
    environment = {"PATH": os.environ["PATH"], "WEBHOOK_SECRET": SECRET}
    program = Program("receiver", ["node", tmp_path / "receiver.js"], tmp_path / "receiver.log", environment)
    program.start()
    try:
        yield Receiver(program, f"http://127.0.0.1:{port}/done")
    finally:
        program.stop()


def test_the_receiver_in_javascript(receiver: Receiver) -> None:
    eventually(lambda: receiver.post(SECRET)[0] is Outcome.DELIVERED, SOON, "the receiver listens")
    assert receiver.post(SECRET) == (Outcome.DELIVERED, "HTTP 204")
    assert receiver.post(f"{ANOTHER} {SECRET}") == (Outcome.DELIVERED, "HTTP 204"), "while the secret is changed"
    assert receiver.post(ANOTHER)[1] == "HTTP 401"
    assert receiver.program.log.read_text().splitlines() == ["task_1 success"] * 3
