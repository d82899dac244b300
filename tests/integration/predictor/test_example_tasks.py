"""examples/async-redis as it stands there: its manifest on a real Redis with two servers, its client with real callbacks."""

import json
import os
import queue
import runpy
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from predictorserver import serve
from redisserver import redis_server

EXAMPLES = Path(__file__).parents[3] / "examples"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
TEXTS = ["I love this product!", "what a terrible waste of money"]


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The manifest, with loopback in the place of the cluster's Services."""
    text = (EXAMPLES / "async-redis" / "review-tasks.yaml").read_text()
    text = text.replace("[10.96.0.0/12]", "[127.0.0.0/8]").replace('["*.default.svc.cluster.local"]', "[127.0.0.1]")
    assert text.count("127.0.0") == 2
    monkeypatch.setenv("GPUX_WEBHOOK_SECRET", SECRET)
    (tmp_path / "review-tasks.yaml").write_text(text)
    return tmp_path / "review-tasks.yaml"


def client(url: str, secret: str, *arguments: str) -> list[dict[str, Any]]:
    """The lines that the client prints."""
    command = [sys.executable, str(EXAMPLES / "async-redis" / "client.py"), url, *TEXTS, *arguments]
    environment = os.environ | {"WEBHOOK_SECRET": secret}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_client_is_told_by_callbacks(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ("--model-dir", str(EXAMPLES / "review"))
    with redis_server(tmp_path) as redis:
        monkeypatch.setenv("GPUX_REDIS_URL", redis.url)
        with serve(manifest, *folder) as first, serve(manifest, *folder) as second:
            found = client(str(first.http.base_url), SECRET, "--patience", "60")
            assert {line["text"] for line in found} == set(TEXTS)
            assert {(line["status"], line["told by"]) for line in found} == {("success", "callback")}
            liked = next(line for line in found if line["text"] == TEXTS[0])
            assert liked["result"]["sentiment"] == pytest.approx([0.05, 0.95], abs=1e-3)
            # The same texts are the same tasks, on the other replica too; no callback is left, so they are asked for.
            again = client(str(second.http.base_url), SECRET, "--patience", "0.5")
            assert {line["told by"] for line in again} == {"poll"}
            assert [line["result"] for line in again] == [
                next(line["result"] for line in found if line["text"] == other["text"]) for other in again
            ]


def test_a_receiver_refuses_what_is_not_signed_with_its_secret() -> None:
    program = runpy.run_path(str(EXAMPLES / "async-redis" / "client.py"))
    ended: queue.Queue[Any] = queue.Queue()
    listener = program["receiver"](Webhook(SECRET), ended, 0)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        body, now = '{"task_id":"1"}', datetime.now(UTC)
        headers = {"webhook-id": "1", "webhook-timestamp": str(int(now.timestamp()))}
        url = f"http://127.0.0.1:{listener.server_port}/done"
        for secret, status in (("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 401), (SECRET, 204)):
            signed = {"webhook-signature": Webhook(secret).sign("1", now, body)}
            assert httpx.post(url, content=body, headers=headers | signed).status_code == status
        assert ended.get(timeout=10) == {"task_id": "1"}
    finally:
        listener.shutdown()
        listener.server_close()
