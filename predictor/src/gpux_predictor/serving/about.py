"""What is told of a model: the bodies of /info and /model/info."""

from typing import Any

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.serving.loading import LoadedModel
from gpux_predictor.transforms import output_roles


def info(model: GpuxModel, loaded: LoadedModel | None) -> dict[str, Any]:
    """The body of /info: what the manifest says, and what the loaded file adds to it."""
    spec = model.spec.model
    described: dict[str, Any] = {
        "name": model.metadata.name,
        "version": spec.version,
        "format": spec.format,
        "model_name": model.model_name,
        "model_version": spec.version,
        "model_run_id": spec.run_id,
        "loaded": loaded is not None,
    }
    if loaded is None:
        return described
    size = loaded.file.stat().st_size
    if model.spec.preprocessing is not None and model.spec.preprocessing.tabular is not None:
        labelled = {output.name for output in model.spec.outputs or () if output.labels}
        described["prediction"] = output_roles.describe(loaded.signature, labelled)
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
        "placement": loaded.session.placement,
        "batching": _batching(loaded),
    }


def _batching(loaded: LoadedModel) -> dict[str, Any]:
    """What the warm-up found: whether samples share a run, why, up to how many, and what a batch costs."""
    learnt = loaded.learnt
    found: dict[str, Any] = {
        "enabled": learnt.proof.batchable,
        "reason": learnt.proof.why,
        "max_size": learnt.limit,
        "curve": learnt.cost.describe() if learnt.cost else [],
    }
    if learnt.sizes:
        found["sizes"] = learnt.sizes
    if learnt.pad:
        found["padding"] = {"enabled": learnt.padding.neutral, "reason": learnt.padding.why}
    return found


def short_info(model: GpuxModel, loaded: LoadedModel | None) -> dict[str, Any]:
    """The body of /model/info: the four keys that say which model answers."""
    keys = ("model_name", "model_version", "model_run_id", "loaded")
    return {key: value for key, value in info(model, loaded).items() if key in keys}
