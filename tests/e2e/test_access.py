"""A model with API keys through the ingress: its Secret, the kubelet's mount, and a key that changes while its pod goes on."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import docblocks
from testcluster.e2e.cluster import Cluster
from testcluster.e2e.shell import Shell
from testcluster.waiting import eventually

TEXT = {"text": "I love this product!"}
KUBELET_SECONDS = 120
"""Its sync period and its cache, of a node that is not ours."""


def pod_of(cluster: Cluster, namespace: str) -> tuple[str, int]:
    """Uid and restarts of the model's one pod."""
    [pod] = cluster.select("pods", namespace, "gpux.io/model=review-keys")
    [container] = pod["status"]["containerStatuses"]
    return pod["metadata"]["uid"], container["restartCount"]


def test_a_key_is_asked_for_and_changes_without_a_restart(models: Cluster, namespace: str, tmp_path: Path) -> None:
    folder = tmp_path / "shell"
    folder.mkdir()
    shell = Shell(models, namespace, folder)
    shell.run(docblocks.one("examples/README.md", "kubectl create secret generic callers").text)
    shell.run("kubectl wait --for=condition=Ready gpuxmodel/review-keys --timeout=180s")
    host = str(urlsplit(models.get("gpuxmodel", "review-keys", namespace)["status"]["url"]).hostname)
    secret = models.get("secret", "callers", namespace)["data"]
    old, new = base64.b64decode(secret["alice"]).decode(), "n" * 64

    def ask(headers: dict[str, str] | None = None) -> Any:
        return models.http(host, "/predict", "POST", json=TEXT, headers=headers)

    def bearer(key: str) -> int:
        return int(ask({"Authorization": f"Bearer {key}"}).status_code)

    def put(keys: str) -> None:
        patch = json.dumps({"stringData": {"alice": keys}})
        models.kubectl("patch", "secret", "callers", "-n", namespace, "-p", patch)

    eventually(lambda: bearer(old) == 200, 30, "the ingress leads to it, and the key opens it")
    assert ask({"X-API-Key": old}).json() == {"sentiment": pytest.approx([0.05, 0.95], abs=1e-3)}
    refused = ask()
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="review-keys"')
    assert bearer(new) == 401
    assert models.http(host, "/info").status_code == 401
    assert models.http(host, "/health").status_code == 200

    before = pod_of(models, namespace)
    put(f"{new} {old}")
    eventually(lambda: bearer(new) == 200, KUBELET_SECONDS, "the new key opens it")
    assert bearer(old) == 200, "both count while the client changes over"
    put(new)
    eventually(lambda: bearer(old) == 401, KUBELET_SECONDS, "the old key is out")
    assert bearer(new) == 200
    assert pod_of(models, namespace) == before
