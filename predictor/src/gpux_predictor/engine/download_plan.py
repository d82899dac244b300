"""What a store says of a source before the download, and the download itself; imported in the download's process only."""

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kserve_storage import Storage  # type: ignore[import-untyped]

NOT_FOR_ONNX = ["*.safetensors", "*.h5", "*.msgpack", "*.ot", "*.pt", "*.pth", "*.ckpt", "*.gguf", "*.tflite", "pytorch_model*.bin",
                "tf_model*", "flax_model*", "openvino_*", "*.mlmodel", "*.mlpackage/*"]  # fmt: skip
"""Files of a Hugging Face repository that hold the same weights for other runtimes."""


@dataclass(frozen=True)
class Plan:
    """What there is: all bytes, and what tells this version from others. None: the store does not say."""

    total: int | None = None
    version: str | None = None


def plan(uri: str) -> Plan:
    """Asks the store; any exception of its client."""
    found = {"s3": _s3, "gs": _gs, "hf": _hf, "https": _https}[urlsplit(uri).scheme](uri)
    return found if found.version is None else Plan(found.total, hashlib.sha256(found.version.encode()).hexdigest())


def download(uri: str, folder: str) -> None:
    """As KServe's storage initializer does; any exception of its client."""
    Storage.download(uri, folder, ignore_patterns=_ignored(uri))


def _ignored(uri: str) -> list[str] | None:
    """None leaves it to the environment variable that KServe reads too."""
    chosen = os.environ.get("STORAGE_IGNORE_PATTERNS") or os.environ.get("STORAGE_ALLOW_PATTERNS")
    return NOT_FOR_ONNX if uri.startswith("hf://") and not chosen else None


def _of_files(files: list[tuple[str, Any, int]]) -> Plan:
    return Plan(sum(size for _, _, size in files), json.dumps(sorted(files)))


def _s3(uri: str) -> Plan:
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415

    parts = urlsplit(uri)
    prefix = parts.path.lstrip("/")
    bucket = boto3.resource("s3", **Storage._get_s3_client_kwargs()).Bucket(
        parts.netloc
    )  # the very client of the download
    found = [(item.key, item.e_tag, item.size) for item in bucket.objects.filter(Prefix=prefix) if item.size]
    return _of_files([item for item in found if item[0] == prefix] or found)


def _gs(uri: str) -> Plan:
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415
    from google.cloud import storage  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        client = storage.Client()
    except DefaultCredentialsError:
        client = storage.Client.create_anonymous_client()
    parts = urlsplit(uri)
    blobs = client.list_blobs(parts.netloc, prefix=parts.path.lstrip("/"))
    return _of_files([(blob.name, blob.generation, blob.size) for blob in blobs])


def _hf(uri: str) -> Plan:
    from huggingface_hub import HfApi  # noqa: PLC0415
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]  # noqa: PLC0415

    repository, _, revision = uri.removeprefix("hf://").partition(":")
    info = HfApi().model_info(repository, revision=revision or None, files_metadata=True, timeout=30)
    sizes = {item.rfilename: item.size or 0 for item in info.siblings or ()}
    wanted = filter_repo_objects(sizes, ignore_patterns=_ignored(uri))
    return Plan(sum(sizes[name] for name in wanted), info.sha)


def _https(uri: str) -> Plan:
    import requests  # noqa: PLC0415

    headers = json.loads(os.environ.get(f"{urlsplit(uri).hostname}-headers", "{}"))
    with requests.head(
        uri, headers=headers | {"Accept-Encoding": "identity"}, timeout=30, allow_redirects=True
    ) as reply:
        reply.raise_for_status()
        length = reply.headers.get("Content-Length")
        version = reply.headers.get("ETag") or reply.headers.get("Last-Modified")
    return Plan(int(length) if length else None, f"{version} {length}" if version else None)
