"""From a manifest to a model that can run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.engine import cpus, source
from gpux_predictor.engine.session import Session
from gpux_predictor.tensors import batch_axis
from gpux_predictor.tensors.signature import Signature, declared


@dataclass(frozen=True)
class Origin:
    """Where a manifest and its model's files are on this machine.

    Attributes:
        manifest_dir: what a relative `file://` source is relative to.
        model_dir: where the source's files already are, None to find them by the source's uri.
    """

    manifest_dir: Path
    model_dir: Path | None = None


@dataclass(frozen=True)
class LoadedModel:
    """A model that can run."""

    file: Path
    sha256: str
    session: Session
    signature: Signature
    axis: batch_axis.BatchAxis


def load(model: GpuxModel, origin: Origin) -> LoadedModel:
    """Finds, verifies and loads the model of a manifest.

    Raises:
        LoadError: with the reason why it cannot be served.
    """
    spec = model.spec
    file = source.locate(spec.model.source, origin.manifest_dir, origin.model_dir)
    sha256 = source.digest(file)
    source.verify(sha256, spec.model.source.sha256, file)
    backend = spec.runtime.gpu.backend if spec.runtime.gpu else "cpu"
    session = Session(file, backend, spec.runtime.threads or cpus.available())
    signature = declared(session.signature, spec.inputs, spec.outputs)
    return LoadedModel(file, sha256, session, signature, batch_axis.find(signature))


def info(model: GpuxModel, loaded: LoadedModel | None) -> dict[str, Any]:
    """The body of /info: what the manifest says, and what the loaded file adds to it."""
    spec = model.spec.model
    described: dict[str, Any] = {
        "name": model.metadata.name,
        "version": spec.version,
        "format": spec.format,
        "model_name": model.metadata.name,
        "model_version": spec.version,
        "model_run_id": spec.run_id,
        "loaded": loaded is not None,
    }
    if loaded is None:
        return described
    size = loaded.file.stat().st_size
    return described | {
        "path": str(loaded.file),
        "size_bytes": size,
        "size_mb": round(size / 2**20, 2),
        "sha256": loaded.sha256,
        "inputs": [tensor.describe() for tensor in loaded.signature.inputs],
        "outputs": [tensor.describe() for tensor in loaded.signature.outputs],
        "metadata": loaded.session.metadata(),
        "provider": loaded.session.providers[0],
        "providers": loaded.session.providers,
    }


def short_info(model: GpuxModel, loaded: LoadedModel | None) -> dict[str, Any]:
    """The body of /model/info: the four keys that say which model answers."""
    keys = ("model_name", "model_version", "model_run_id", "loaded")
    return {key: value for key, value in info(model, loaded).items() if key in keys}
