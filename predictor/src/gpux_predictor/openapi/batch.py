"""The look-ups of predictions computed ahead; only where the manifest has a batch."""

from typing import Any

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.openapi import answer, parts
from gpux_predictor.openapi.graph import Graph
from gpux_predictor.openapi.tensors import Schema

_KEY: Schema = {"type": ["string", "number"]}
_AFTER = "The rest of the list, where there is one (RFC 8288, rel=next)."


def paths(model: GpuxModel, graph: Graph | None) -> dict[str, Any]:
    """The operations, by path."""
    if model.spec.batch is None:
        return {}
    return {"/predict/batch/{entity}": {"get": _entity(model, graph)}, "/predict/upcoming": {"get": _upcoming(model)}}


def _entity(model: GpuxModel, graph: Graph | None) -> dict[str, Any]:
    found = parts.answer(_prediction(model, graph), "The prediction in the newest result.")
    operation = parts.operation(
        "Predict",
        "predictBatch",
        "Look a precomputed prediction up",
        {"200": found} | parts.errors((404, 503), "Detail"),
    )
    name = {"name": "entity", "in": "path", "required": True, "schema": {"type": "string"}}
    return operation | {"parameters": [name | {"description": "The entity's key, as text."}]}


def _prediction(model: GpuxModel, graph: Graph | None) -> Schema:
    """As /predict answers about one entity; where that has no key, the answer to one sample under `prediction`."""
    before, key = model.spec.preprocessing, _key(model)
    if graph is not None and before is not None and before.tabular is not None:
        return answer.entity(before.tabular.entity_key, model.spec, graph.signature)
    prediction: Schema = {"type": "object"}
    return {
        "type": "object",
        "properties": {"prediction": prediction} | ({key: _KEY} if key else {}),
        "required": [*([key] if key else []), "prediction"],
    }


def _upcoming(model: GpuxModel) -> dict[str, Any]:
    key = _key(model)
    entry: Schema = {"type": "object"} | ({"properties": {key: _KEY}, "required": [key]} if key else {})
    link = {"Link": {"description": _AFTER, "schema": {"type": "string"}}}
    found = parts.answer({"type": "array", "items": entry}, "Rows of the table.", link)
    limit = {"type": "integer", "minimum": 1, "maximum": 10000, "default": 1000}
    operation = parts.operation(
        "Predict", "upcoming", "List the table's entities", {"200": found} | parts.errors((400, 404, 503), "Detail")
    )
    return operation | {
        "parameters": [
            {"name": "limit", "in": "query", "schema": limit, "description": "The most entries."},
            {"name": "after", "in": "query", "schema": {"type": "string"}, "description": "The key of the last entry."},
        ]
    }


def _key(model: GpuxModel) -> str | None:
    """The key of answers, None where only the table tells."""
    before, batch = model.spec.preprocessing, model.spec.batch
    if before is not None and before.tabular is not None:
        return before.tabular.entity_key
    return batch.entities.key_column if batch is not None and batch.entities is not None else None
