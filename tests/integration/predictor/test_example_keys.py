"""examples/api-keys as it stands there: its manifest with a folder of keys, asked by the line of the page."""

import json
import subprocess
from pathlib import Path

import pytest

import docblocks
from docblocks import ROOT
from predictorserver import serve
from testcluster.waiting import eventually

EXAMPLES = ROOT / "examples"
TEXT = {"text": "I love this product!"}
KEY, NEXT = "a" * 64, "b" * 64


def test_a_client_of_the_example(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "alice").write_text(f"{KEY}\n")
    arguments = ("--model-dir", str(EXAMPLES / "review"), "--api-keys-dir", str(keys))
    with serve(EXAMPLES / "api-keys" / "review-keys.yaml", *arguments) as server:
        refused = server.http.post("/predict", json=TEXT)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="review-keys"'
        answered = server.http.post("/predict", json=TEXT, headers={"Authorization": f"Bearer {KEY}"})
        assert answered.json() == {"sentiment": pytest.approx([0.05, 0.95], abs=1e-3)}
        assert answered.headers["ratelimit-policy"].startswith('"client";q=100')

        line = docblocks.one("examples/README.md", 'curl -X POST http://localhost:8080/predict -H "X-API-Key').text
        line = line.replace("http://localhost:8080", str(server.http.base_url).rstrip("/"))
        done = subprocess.run(["bash", "-ec", line], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == answered.json()

        (keys / "alice").write_text(NEXT)
        changed = {"X-API-Key": NEXT}
        eventually(
            lambda: server.http.post("/predict", json=TEXT, headers=changed).status_code == 200,
            10,
            "the new key counts",
        )
        assert server.http.post("/predict", json=TEXT, headers={"X-API-Key": KEY}).status_code == 401
