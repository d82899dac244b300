"""From a gpux.yml to a GpuxModel manifest, field by field.

Source: gpux 0.1.1 on PyPI, `gpux/config/parser.py` for the fields and `gpux/core/runtime.py` for their meaning.
"""

import re
from pathlib import PurePosixPath
from typing import Any

from gpux_api.v1alpha1 import API_VERSION, KIND
from gpux_api.v1alpha1.inference import WITHOUT_GPU
from gpux_api.v1alpha1.resource import MAX_NAME
from gpux_predictor.cli.conversion_tensors import preprocessing, tensors
from gpux_predictor.cli.sections import Note, Section

_BACKENDS = {name: name for name in ("auto", "cuda", "tensorrt", "rocm", "openvino", "directml", "coreml", "cpu")} | {
    "metal": "coreml",
    "dx12": "directml",
}
_UNITS = {"GB": "Gi", "MB": "Mi", "KB": "Ki"}  # GPUX counts in powers of 1024


def convert(config: dict[str, Any]) -> tuple[dict[str, Any], list[Note]]:
    """The manifest, and what is to be said about it. The manifest may be invalid where the gpux.yml is.

    Args:
        config: the parsed gpux.yml.
    """
    notes: list[Note] = []
    whole = Section(config, "", notes)
    metadata, name = _metadata(whole)
    spec: dict[str, Any] = {"model": _model(whole, name, metadata["name"])}
    spec |= tensors(whole)
    if before := preprocessing(whole, spec):
        spec["preprocessing"] = before
    runtime, serving = whole.section("runtime"), whole.section("serving")
    if running := _runtime(runtime, serving):
        spec["runtime"] = running
    if served := _serving(serving):
        spec["serving"] = served
    whole.end(metadata="keep it in the annotations, or in the ONNX file, whose metadata /info shows")
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}, notes


def _metadata(whole: Section) -> tuple[dict[str, Any], str]:
    name = whole.take("name", str) or ""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    plain = (plain if plain[:1].isalpha() or not plain else f"m-{plain}")[:MAX_NAME].rstrip("-")
    metadata: dict[str, Any] = {"name": plain}
    if plain != name:
        whole.hint(
            "name", f"{name!r} is no name in Kubernetes: the resource is {plain}, and model.name keeps the other"
        )
    if description := whole.take("description", str):
        metadata["annotations"] = {"kubernetes.io/description": description}
    return metadata, name


def _model(whole: Section, name: str, plain: str) -> dict[str, Any]:
    section = whole.section("model")
    model: dict[str, Any] = {}
    if source := section.take("source", str):
        model["source"] = _source(section, source)
    if (kind := section.take("format", str)) and kind != "onnx":
        section.lost("format", f"{kind!r} is not served: export the model to ONNX")
    if name and name != plain:
        model["name"] = name
    whole_version, own = whole.take("version", str), section.take("version", str)
    if version := own or whole_version:
        model["version"] = version
    if own and whole_version and own != whole_version:
        whole.lost("version", f"there is one version: {own}, the model's, is kept, and {whole_version} is not")
    section.end()
    return model


def _source(section: Section, source: str) -> dict[str, Any]:
    if "://" in source:
        return {"uri": source}
    path = PurePosixPath(source.replace("\\", "/"))
    section.hint(
        "source", "a file on this machine; for a cluster upload it and write its s3://, gs://, hf:// or pvc:// uri"
    )
    return {"uri": f"file://{path.parent}", "path": path.name} if path.suffix else {"uri": f"file://{path}"}


def _runtime(section: Section, serving: Section) -> dict[str, Any]:
    runtime: dict[str, Any] = {}
    if "gpu" in section:
        runtime["gpu"] = _gpu(section.section("gpu"))
    else:
        section.hint(
            "gpu",
            "GPUX looks for a GPU where nothing is said; here the model runs on CPU: write runtime.gpu: {} for one",
        )
    seconds, patience = section.take("timeout", int), serving.take("timeout", int)
    if (timeout := seconds or patience) is not None:
        runtime["timeoutSeconds"] = timeout
    if seconds and patience and seconds != patience:
        serving.lost(
            "timeout", f"there is one deadline, from the request to its answer: runtime.timeout, {seconds} s, is kept"
        )
    size = _batch_size(section, serving)
    if size is not None:
        runtime["batching"] = {"maxSize": size}
    section.end(enable_profiling="gpux-predictor bench measures a model")
    return runtime


def _batch_size(section: Section, serving: Section) -> int | None:
    own, other = section.take("batch_size", int), serving.take("batch_size", int)
    if own and other and own != other:
        serving.lost("batch_size", f"there is one batch size: the larger of {own} and {other} is kept")
    size = max(own or 0, other or 0)
    if size == 1:
        (section if own else serving).hint(
            "batch_size",
            "1 is what GPUX takes for nothing said, so that batches are as measured; batching.maxSize: 1 has none",
        )
    return size if size > 1 else None


def _gpu(section: Section) -> dict[str, Any]:
    gpu: dict[str, Any] = {}
    if backend := section.take("backend", str):
        known = _BACKENDS.get(backend.lower())
        if known is None:
            section.lost("backend", f"ONNX Runtime has no {backend}: auto is written instead")
        elif known != backend:
            section.hint("backend", f"{backend} is {known} in ONNX Runtime")
        gpu["backend"] = known or "auto"
    if memory := section.take("memory", str):
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([GMK]B)", memory.strip().upper())
        if found is None:
            section.lost("memory", f"{memory!r} is no amount: write for instance 2Gi")
        elif gpu.get("backend") in WITHOUT_GPU:
            section.lost("memory", f"backend {gpu['backend']} has no arena on a GPU that could be limited")
        else:
            gpu["memory"] = found[1] + _UNITS[found[2]]
    section.end()
    return gpu


def _serving(section: Section) -> dict[str, Any]:
    serving: dict[str, Any] = {}
    port = section.take("port", int)
    if port is not None and 1024 <= port <= 65535:
        serving["port"] = port
    elif port is not None:
        section.lost(
            "port",
            f"{port} is not between 1024 and 65535, where a process without rights may listen: 8080 is the default",
        )
    section.end(
        host="in a cluster it is 0.0.0.0; on a laptop pass --host to gpux-predictor serve",
        max_workers="one process serves; write serving.replicas.min for more of them",
    )
    return serving
