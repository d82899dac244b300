"""The operations of KServe's V1 protocol."""

from collections.abc import Sequence
from typing import Any

from gpux_predictor.openapi.answer import output
from gpux_predictor.openapi.examples import tensors
from gpux_predictor.openapi.graph import Graph
from gpux_predictor.openapi.parts import CALL, JSON, answer, errors, operation, ref, takes
from gpux_predictor.openapi.tensors import Schema, any_rank, exactly, nested, sample, taken
from gpux_predictor.tensors.signature import Tensor


def paths(name: str, graph: Graph | None) -> dict[str, Any]:
    """The operations, by path; without a graph they do not say what it takes."""
    ready = exactly({"name": {"const": name}, "ready": {"const": True}})
    readiness = {"200": answer(ready, "The model answers."), "503": answer(ref("Error"), "It does not.")}
    models = exactly({"models": {"type": "array", "items": {"const": name}}})
    predict = operation("V1", "v1Predict", "Predict: a row a sample", _answers(graph)) | takes({JSON: _body(graph)})
    return {
        "/v1/models": {
            "get": operation(
                "V1", "v1Models", "The models", {"200": answer(models, "Their names.")} | errors((), "Detail")
            )
        },
        f"/v1/models/{name}": {
            "get": operation("V1", "v1Ready", "Whether the model answers", readiness | errors((), "Detail"))
        },
        f"/v1/models/{name}:predict": {"post": predict},
    }


def _body(graph: Graph | None) -> dict[str, Any]:
    if graph is None:
        return {"schema": {"type": "object"}}
    inputs = graph.signature.inputs
    rows = [_row(inputs)] if len(inputs) > 1 else _rows_of_one(inputs[0])
    schema = {
        "type": "object",
        "properties": {"instances": {"anyOf": [nested(row, [_rows(graph)]) for row in rows]}},
        "required": ["instances"],
    }
    values = tensors(inputs, graph.axis, batched=False)
    if values is None:
        return {"schema": schema}
    row = {name: value[0] if name in graph.axis.single else value for name, value in values.items()}
    return {"schema": schema, "example": {"instances": [row if len(inputs) > 1 else row[inputs[0].name]]}}


def _rows(graph: Graph) -> int | None:
    """How many rows a request must have: as many as an input whose first dimension is fixed; None for any."""
    return next((t.shape[0] for t in graph.signature.inputs if t.shape and isinstance(t.shape[0], int)), None)


def _row(inputs: Sequence[Tensor]) -> Schema:
    return exactly({t.name: _instance(t) for t in inputs}, [t.name for t in inputs if t.required])


def _rows_of_one(tensor: Tensor) -> list[Schema]:
    """The forms of a row of a model's only input; all rows of a request have the same."""
    instance = _instance(tensor)
    forms = instance.get("anyOf", [instance])
    return [*forms, *(exactly({tensor.name: form}) for form in forms)]


def _instance(tensor: Tensor) -> Schema:
    """The value of one input in one row; where the graph says nothing of its shape, any."""
    return sample(tensor) if tensor.shape else any_rank(taken(tensor))


def _answers(graph: Graph | None) -> dict[str, Any]:
    predictions: Schema = {}
    if graph is not None:
        outputs = graph.signature.outputs
        whole = exactly({t.name: output(t) for t in outputs})
        row = output(outputs[0]) if len(outputs) == 1 else {"type": "array", "items": {"type": "object"}}
        predictions = {"anyOf": [row, whole]}
    return {"200": answer(exactly({"predictions": predictions}), "A row a sample.")} | errors(CALL, "Error")
