"""The operations of the Open Inference Protocol (V2)."""

import math
from typing import Any

from gpux_predictor.openapi.examples import flat, tensors
from gpux_predictor.openapi.graph import Graph
from gpux_predictor.openapi.parts import CALL, JSON, answer, errors, operation, takes
from gpux_predictor.openapi.tensors import Schema, any_rank, exactly, given, nested, taken
from gpux_predictor.protocols import oip_metadata
from gpux_predictor.tensors.signature import Tensor
from gpux_predictor.tensors.values import element_of

_TEXT: Schema = {"type": "string"}
_SHAPE: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0}}
_PARAMETERS: Schema = {"type": ["object", "null"]}


def paths(name: str, version: str | None, graph: Graph | None) -> dict[str, Any]:
    """The operations, by path; without a graph they do not say what it takes."""
    server = exactly({"name": _TEXT, "version": _TEXT, "extensions": {"type": "array", "items": _TEXT}})
    models = exactly({"models": {"type": "array", "items": {"const": name}}})
    found: dict[str, Any] = {
        "/v2": _get("v2Server", "The server", server),
        "/v2/health/live": _liveness(),
        "/v2/health/ready": _readiness("v2Ready", {}),
        "/v2/models": _get("v2Models", "The models", models),
    }
    for suffix, path in (("", ""), *((("Version", f"/versions/{version}"),) if version else ())):
        model = f"/v2/models/{name}{path}"
        infer = operation("V2", f"v2Infer{suffix}", "Infer: tensors in, tensors out", _answers(name, version, graph))
        found |= {
            model: {"get": _metadata(f"v2Model{suffix}", name, version, graph)},
            f"{model}/ready": _readiness(f"v2ModelReady{suffix}", {"name": {"const": name}}),
            f"{model}/infer": {"post": infer | takes({JSON: _body(graph)})},
        }
    return found


def _get(identifier: str, summary: str, schema: Schema) -> dict[str, Any]:
    return {"get": operation("V2", identifier, summary, {"200": answer(schema, summary)} | errors((), "Detail"))}


def _liveness() -> dict[str, Any]:
    well, ill = exactly({"live": {"const": True}}), exactly({"live": {"const": False}})
    responses = {"200": answer(well, "A request may succeed."), "503": answer(ill, "None can: the device is broken.")}
    return {"get": operation("V2", "v2Live", "Whether the process is of use", responses | errors((), "Detail"))}


def _readiness(identifier: str, named: dict[str, Schema]) -> dict[str, Any]:
    well = exactly(named | {"ready": {"const": True}})
    ill = exactly(named | {"ready": {"const": False}, "error": _TEXT})
    responses = {"200": answer(well, "The model answers."), "503": answer(ill, "It does not, and why.")}
    return {"get": operation("V2", identifier, "Whether the model answers", responses | errors((), "Detail"))}


def _metadata(identifier: str, name: str, version: str | None, graph: Graph | None) -> dict[str, Any]:
    shape = {"type": "array", "items": {"type": "integer", "minimum": -1}}
    tensor = {"type": "array", "items": exactly({"name": _TEXT, "datatype": _TEXT, "shape": shape})}
    count = 1 if version else 0
    versions = {
        "type": "array",
        "items": {"const": version} if version else _TEXT,
        "minItems": count,
        "maxItems": count,
    }
    schema = exactly(
        {
            "name": {"const": name},
            "versions": versions,
            "platform": {"const": oip_metadata.PLATFORM},
            "inputs": tensor,
            "outputs": tensor,
        }
    )
    example = None if graph is None else oip_metadata.model(name, version, graph.signature)
    responses = {"200": answer(schema, "Inputs and outputs.", example=example)} | errors((503,), "Error")
    return operation("V2", identifier, "The model", responses)


def _body(graph: Graph | None) -> dict[str, Any]:
    if graph is None:
        return {"schema": {"type": "object"}}
    inputs, outputs = graph.signature.inputs, graph.signature.outputs
    wanted = {
        "type": "object",
        "properties": {"name": {"enum": [tensor.name for tensor in outputs]}, "parameters": _PARAMETERS},
        "required": ["name"],
    }
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "null"]},
            "parameters": _PARAMETERS,
            "inputs": {
                "type": "array",
                "items": {"oneOf": [_input(tensor) for tensor in inputs]},
                "minItems": sum(tensor.required for tensor in inputs),
                "maxItems": len(inputs),
                "uniqueItems": True,
            },
            "outputs": {
                "anyOf": [
                    {"type": "array", "items": wanted, "maxItems": len(outputs), "uniqueItems": True},
                    {"type": "null"},
                ]
            },
        },
        "required": ["inputs"],
    }
    values = tensors([tensor for tensor in inputs if tensor.required], graph.axis, batched=True)
    if values is None:
        return {"schema": schema}
    datatypes = {tensor.name: element_of(tensor).oip for tensor in inputs}
    sent = [
        {"name": name, "datatype": datatypes[name], "shape": shape, "data": data}
        for name, (data, shape) in flat(values).items()
    ]
    return {"schema": schema, "example": {"inputs": sent}}


def _input(tensor: Tensor) -> Schema:
    """One input; its data flat in row-major order, or nested."""
    dims = [{"const": dim} if isinstance(dim, int) else {"type": "integer", "minimum": 0} for dim in tensor.shape]
    shape = {"prefixItems": dims, "minItems": len(dims), "maxItems": len(dims)} if dims else {}
    return {
        "title": tensor.name,
        "type": "object",
        "properties": {
            "name": {"const": tensor.name},
            "datatype": {"const": element_of(tensor).oip},
            "shape": _SHAPE | shape,
            "parameters": _PARAMETERS,
            "data": _data(tensor),
        },
        "required": ["name", "datatype", "shape", "data"],
    }


def _data(tensor: Tensor) -> Schema:
    """The elements: as many as a fixed shape has, else any, and then in any nesting."""
    item, sizes = taken(tensor), [dim for dim in tensor.shape if isinstance(dim, int)]
    if len(sizes) < max(1, len(tensor.shape)):
        return any_rank(item, least=0)
    forms = [nested(item, [math.prod(sizes)]), nested(item, sizes)]
    return forms[0] if len(sizes) == 1 else {"anyOf": forms}


def _answers(name: str, version: str | None, graph: Graph | None) -> dict[str, Any]:
    tensor = [_output(item) for item in graph.signature.outputs] if graph else []
    schema = exactly(
        {
            "model_name": {"const": name},
            **({"model_version": {"const": version}} if version else {}),
            "id": _TEXT,
            "outputs": {"type": "array", "items": {"oneOf": tensor} if tensor else {"type": "object"}},
        },
        ["model_name", "outputs", *(["model_version"] if version else [])],
    )
    return {"200": answer(schema, "The outputs asked for.")} | errors(CALL, "Error")


def _output(tensor: Tensor) -> Schema:
    element = tensor.element
    return exactly(
        {
            "name": {"const": tensor.name},
            "datatype": {"const": element.oip if element else "BYTES"},
            "shape": _SHAPE,
            "data": {"type": "array", "items": given(element) if element else {}},
            "parameters": {"type": "object"},
        },
        ["name", "datatype", "shape"],
    )
