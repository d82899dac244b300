"""The whole document."""

from typing import Any

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.openapi import access, answer, batch, examples, parts, request, service, tasks, v1, v2
from gpux_predictor.openapi.graph import Graph
from gpux_predictor.openapi.parts import CALL, JSON
from gpux_predictor.openapi.tensors import Schema

_IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
_TAGS = {
    "Predict": "One sample or a batch, by the names of the model's inputs.",
    "Tasks": "The same, submitted and polled.",
    "Model": "What is served and how it is.",
    "V1": "KServe's V1 protocol.",
    "V2": "The Open Inference Protocol; tensors as bytes by its binary extension are taken, too.",
}


def document(model: GpuxModel, graph: Graph | None) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a model.

    Args:
        model: the manifest.
        graph: what is served; None before the model is loaded, when nothing is said about what it takes and answers.
    """
    name, version = model.metadata.name, model.spec.model.version
    protocols = model.spec.serving.open_protocols
    closed = {"V1", "V2"} - {protocol.upper() for protocol in protocols}
    if not takes_tasks(model):
        closed |= {"Tasks"}
    found = {
        "openapi": "3.1.0",
        "info": {"title": name, "version": version or "unversioned", "description": _description(graph)},
        "tags": [{"name": tag, "description": text} for tag, text in _TAGS.items() if tag not in closed],
        "paths": {
            "/predict": {"post": _predict(model, graph)},
            **batch.paths(model, graph),
            **(tasks.paths(model.spec, _takes(model, graph), _result(model, graph)) if takes_tasks(model) else {}),
            **service.paths(model),
            **(v1.paths(name, graph) if "v1" in protocols else {}),
            **(v2.paths(name, version, graph) if "v2" in protocols else {}),
        },
        "components": {"schemas": parts.SCHEMAS},
    }
    return access.secured(found, model)


def _description(graph: Graph | None) -> str:
    if graph is None:
        return "The model is not loaded: what it takes and answers is not known yet. GET /health says why."
    return (
        "One ONNX model. Where inputs share a dimension or are nested, sizes must agree, for which JSON Schema has no words: "
        "such a request is answered with 400, which names the input."
    )


def takes_tasks(model: GpuxModel) -> bool:
    """Whether the manifest has tasks; one that says nothing of them has."""
    return model.spec.async_ is None or model.spec.async_.enabled


def _predict(model: GpuxModel, graph: Graph | None) -> dict[str, Any]:
    found = {"type": "object"} if graph is None else answer.content(model.spec, *graph)
    expected = model.spec.samples[0].response if graph is not None and model.spec.samples else None
    responses = {"200": parts.answer(found, "The outputs.", parts.TIMING, expected)} | parts.errors(CALL, "Detail")
    return parts.operation("Predict", "predict", "Predict", responses) | parts.takes(_takes(model, graph))


def _result(model: GpuxModel, graph: Graph | None) -> Schema:
    return {} if graph is None else answer.content(model.spec, *graph, named=False)


def _takes(model: GpuxModel, graph: Graph | None) -> dict[str, Any]:
    """The bodies of a call that predicts, by media type."""
    if graph is None:
        return {JSON: {"schema": {"type": "object"}}}
    example = examples.request(model.spec, *graph)
    media = {"schema": request.body(model.spec, *graph)} | ({} if example is None else {"example": example})
    return {JSON: media, **_files(model, graph)}


def _files(model: GpuxModel, graph: Graph | None) -> dict[str, Any]:
    """The media types beside JSON that a model with images takes."""
    before = model.spec.preprocessing
    if graph is None or before is None or before.image is None:
        return {}
    file: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
    form = {"type": "object", "properties": {before.image.input: file}, "required": [before.image.input]}
    alone: dict[str, Any] = {kind: {} for kind in _IMAGE_TYPES} if before.text is None else {}
    return {"multipart/form-data": {"schema": form}, **alone}
