"""Kubeconfig files that carry everything in themselves, so that they can be handed to any program."""

import base64
import json
from pathlib import Path

from testcluster.certs import KeyPair

User = dict[str, str]


def certificate_user(pair: KeyPair) -> User:
    """Someone who proves who they are by a client certificate."""
    return {"client-certificate-data": _encoded(pair.certificate), "client-key-data": _encoded(pair.key)}


def token_user(token: str) -> User:
    """Someone who proves who they are by a bearer token."""
    return {"token": token}


def write(path: Path, server: str, authority: bytes, user: User) -> Path:
    """Store a kubeconfig for one user of one cluster (as JSON, which is YAML too)."""
    name = "testcluster"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": _encoded(authority)}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1))
    return path


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
