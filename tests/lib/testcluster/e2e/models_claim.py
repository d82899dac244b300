"""A claim named `models` that holds the examples' model files, on any cluster."""

import base64
import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testcluster.e2e.cluster import Cluster

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
UNPACK = "import base64, io, sys, tarfile; tarfile.open(fileobj=io.BytesIO(base64.b64decode(sys.stdin.read()))).extractall('/models')"
Object = dict[str, Any]


def fill(cluster: Cluster, namespace: str, host_path: Path, extra: Mapping[str, Path] | None = None) -> None:
    """Makes the claim and writes `<example>/model.onnx` of each example into it.

    Args:
        cluster: see `provide` for our own node, which has no storage provisioner.
        namespace: where the claim is made.
        host_path: that folder.
        extra: further files by their path in the claim.
    """
    spec: Object = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}
    provide(cluster, namespace, host_path)
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models"}, "spec": spec}
    cluster.apply(claim, _writer(cluster.images()["predictor"]), namespace=namespace)
    kubectl = ["--namespace", namespace]
    cluster.kubectl("wait", "--for=condition=Ready", "pod/writer", *kubectl, "--timeout=120s")
    cluster.kubectl("exec", *kubectl, "-i", "writer", "--", "python3", "-c", UNPACK, stdin=_archive(extra or {}))
    cluster.kubectl("delete", "pod", "writer", *kubectl, "--grace-period=0", "--force")


def provide(cluster: Cluster, namespace: str, host_path: Path, claim: str = "models") -> None:
    """Makes a folder of the host the volume of a claim, on our own node: others make volumes by themselves."""
    if cluster.kind == "native":
        host_path.chmod(0o777)
        for folder in host_path.parents:
            folder.chmod(folder.stat().st_mode | 0o011)
        cluster.apply(_volume(namespace, host_path, claim))


@contextmanager
def filled(
    cluster: Cluster, namespace: str, host_path: Path, extra: Mapping[str, Path] | None = None
) -> Iterator[Cluster]:
    """A cluster with the claim while the block runs; after it no model of the namespace is left. See `fill`."""
    fill(cluster, namespace, host_path, extra)
    yield cluster
    cluster.kubectl("delete", "gpuxmodels", "--all", "-n", namespace, "--wait")
    remove_volume(cluster, namespace)


def remove_volume(cluster: Cluster, namespace: str, claim: str = "models") -> None:
    """Removes the volume, which belongs to no namespace."""
    if cluster.kind == "native":
        cluster.kubectl("delete", "persistentvolume", f"{claim}-{namespace}", "--ignore-not-found", "--wait=false")


def _volume(namespace: str, host_path: Path, claim: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{claim}-{namespace}"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "64Mi"},
            "claimRef": {"namespace": namespace, "name": claim},
            "hostPath": {"path": str(host_path)},
        },
    }


def _writer(image: str) -> Object:
    container = {
        "name": "main",
        "image": image,
        "command": ["sleep", "600"],
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "writer"},
        "spec": {
            "containers": [container],
            "securityContext": {"fsGroup": 65532},
            "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}],
        },
    }


def _archive(extra: Mapping[str, Path]) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in (*EXAMPLES.glob("*/model.onnx"), *EXAMPLES.glob("*/tokenizer.json")):
            archive.add(file, f"{file.parent.name}/{file.name}")
        for name, file in extra.items():
            archive.add(file.resolve(), name)
    return base64.b64encode(buffer.getvalue()).decode()
