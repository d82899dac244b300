"""The routes that tell about the model: health, info, metrics, this document."""

from typing import Any

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.openapi.parts import answer, errors, operation
from gpux_predictor.openapi.tensors import Schema, exactly
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES

_TEXT: Schema = {"type": "string"}
_MAYBE: Schema = {"type": ["string", "null"]}
_TENSORS: Schema = {
    "type": "array",
    "items": exactly(
        {
            "name": _TEXT,
            "type": {"enum": [*(item.name for item in ELEMENT_TYPES), "object"]},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": -1}, "description": "-1 varies."},
            "required": {"type": "boolean"},
            "description": _TEXT,
        },
        ["name", "type", "shape"],
    ),
}
_LOADED: dict[str, Schema] = {
    "path": _TEXT,
    "size_bytes": {"type": "integer", "minimum": 1},
    "size_mb": {"type": "number", "minimum": 0},
    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "inputs": _TENSORS,
    "outputs": _TENSORS,
    "metadata": {"type": "object", "description": "What the file says of itself."},
    "provider": _TEXT | {"description": "The ONNX Runtime execution provider that runs the graph."},
    "providers": {"type": "array", "items": _TEXT},
    "placement": {"type": "object", "description": "Where each node of the graph was placed."},
    "batching": {"type": "object", "description": "Whether samples share a run, why, and what a batch costs."},
    "prediction": {"type": "object", "description": "Of models of tables: from which outputs a prediction is made."},
}


def paths(model: GpuxModel) -> dict[str, Any]:
    """The operations, by path."""
    identity: dict[str, Schema] = {
        "model_name": {"const": model.model_name},
        "model_version": _MAYBE,
        "model_run_id": _MAYBE,
        "loaded": {"type": "boolean"},
    }
    full = identity | {"name": {"const": model.metadata.name}, "version": _MAYBE, "format": _TEXT}
    return {
        "/health": {"get": _health(model.metadata.name)},
        "/info": {"get": _get("info", "What is served", exactly(full | _LOADED, list(full)))},
        "/model/info": {"get": _get("modelInfo", "Which model answers", exactly(identity))},
        "/metrics": {"get": _metrics()},
        "/openapi.json": {"get": _get("openapi", "This document", {"type": "object"})},
    }


def _get(identifier: str, summary: str, schema: Schema) -> dict[str, Any]:
    return operation("Model", identifier, summary, {"200": answer(schema, summary)} | errors((), "Detail"))


def _health(name: str) -> dict[str, Any]:
    well = exactly({"status": {"const": "healthy"}, "model": {"const": name}})
    ill = exactly(
        {
            "status": {"const": "unhealthy"},
            "model": {"const": name},
            "reason": {
                "type": "string",
                "pattern": "^[A-Z][A-Za-z0-9]*$",
                "description": "The phase, or why it failed.",
            },
            "detail": _TEXT,
        }
    )
    responses = {"200": answer(well, "The model answers."), "503": answer(ill, "It does not, and why.")}
    return operation("Model", "health", "Whether the model answers", responses | errors((), "Detail"))


def _metrics() -> dict[str, Any]:
    text = {"schema": _TEXT}
    content = {"text/plain": text, "application/openmetrics-text": text}
    found = {"200": {"description": "Text in the format that the header Accept asks for.", "content": content}}
    return operation("Model", "metrics", "Prometheus metrics", found | errors((), "Detail"))
