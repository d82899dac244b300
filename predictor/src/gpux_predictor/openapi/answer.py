"""The JSON Schema of an answer of /predict."""

from typing import Any

import numpy as np

from gpux_api.v1alpha1.resource import GpuxModelSpec
from gpux_predictor.openapi.tensors import Schema, exactly, given, nested
from gpux_predictor.tensors.batch_axis import BatchAxis
from gpux_predictor.tensors.signature import Dim, Signature, Tensor
from gpux_predictor.transforms.output_roles import Roles
from gpux_predictor.transforms.output_steps import Steps, plan
from gpux_predictor.transforms.predictions import Predictions

_SCORE: Schema = {"type": ["number", "null"]}


def content(spec: GpuxModelSpec, signature: Signature, axis: BatchAxis, *, named: bool = True) -> Schema:
    """Every form of an answer: of a batch, of one sample, of entities.

    Args:
        named: the prediction for one entity says which; a task's result does not.
    """
    steps = plan(spec.postprocessing, spec.outputs, signature)
    forms = []
    if axis.inputs or axis.always_single:
        forms.append(_outputs(signature, steps, axis, single=True))
    if not axis.always_single:
        forms.append(_outputs(signature, steps, axis, single=False))
    if spec.preprocessing is not None and spec.preprocessing.tabular is not None:
        one = entity(spec.preprocessing.tabular.entity_key, spec, signature)
        alone = one if named else one["properties"]["prediction"]
        forms = [alone, {"type": "array", "items": one, "minItems": 1}, *forms]
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _outputs(signature: Signature, steps: dict[str, Steps], axis: BatchAxis, *, single: bool) -> Schema:
    properties = {}
    for tensor in signature.outputs:
        step = steps.get(tensor.name)
        schema = output(tensor, step, single=single and tensor.name in axis.outputs)
        properties[step.key if step else tensor.name] = (
            schema | {"description": tensor.description} if tensor.description else schema
        )
    return exactly(properties, title="Answer to one sample" if single else "Answer to a batch")


def output(tensor: Tensor, step: Steps | None = None, *, single: bool = False) -> Schema:
    """An output after its steps; what is no tensor is any JSON, a list of maps of most classifiers."""
    if tensor.element is None:
        return {}
    item, shape = given(tensor.element), tensor.shape
    if not shape:
        return {} if step else {"anyOf": [item, {"type": "array"}]}
    if step is not None:
        item, shape = _stepped(step, item, shape)
    return nested(item, shape[1:] if single else shape, least=0)


def _stepped(step: Steps, item: Schema, shape: tuple[Dim, ...]) -> tuple[Schema, tuple[Dim, ...]]:
    """The element and the shape after pooling, activation, normalise, and then top-k, argmax or labels."""
    spec, labels = step.spec, step.labels
    if spec.pooling:
        shape = (shape[0], *shape[2:])
    if spec.pooling or spec.activation or spec.normalize:
        item = _SCORE
    name: Schema = {"type": "integer", "minimum": 0} if labels is None else {"enum": list(dict.fromkeys(labels))}
    if spec.argmax:
        return name, shape[:-1]
    if spec.top_k:
        key = "index" if labels is None else "label"
        last = shape[-1]
        entry = exactly({key: name, "score": item})
        return entry, (*shape[:-1], min(spec.top_k, last) if isinstance(last, int) else None)
    if labels is not None:
        return exactly(dict.fromkeys(labels, item)), shape[:-1]
    return item, shape


def entity(key: str, spec: GpuxModelSpec, signature: Signature) -> Schema:
    """The answer about one entity; its form is that which the outputs of one row of zeros have."""
    predictions = Predictions(signature, spec.outputs, spec.postprocessing)
    [row] = predictions.answers(_zeros(spec, signature, predictions.roles), 1, "", "")
    if predictions.names and predictions.roles.label:
        row["predicted_class"] = ""  # the graph's label or a declared name
    name: Schema = {"type": ["string", "null"]}
    properties = {part: _like(value) for part, value in row.items()}
    if isinstance(values := row.get("predicted_values"), dict):
        properties["predicted_values"] = exactly({output: _like(value) for output, value in values.items()})
    properties |= {"model_version": name, "model_run_id": name}
    prediction = exactly(properties, title="Prediction")
    return exactly({key: {"type": ["string", "number"]}, "prediction": prediction}, title="Predicted entity")


def _zeros(spec: GpuxModelSpec, signature: Signature, roles: Roles) -> dict[str, Any]:
    """Outputs of one row, as ONNX Runtime would give them."""
    labels = {item.name: len(item.labels) for item in spec.outputs or () if item.labels}
    found: dict[str, Any] = {}
    for tensor in signature.outputs:
        varying = labels.get(tensor.name, 1)
        shape = [dim if isinstance(dim, int) else varying for dim in tensor.shape[1:]]
        element = tensor.element
        zero = "" if element is not None and element.kind == "s" else 0
        if element is None:
            found[tensor.name] = [np.zeros((1, 1), np.float32)] if roles.several else [{"": 0.0}]
        else:
            rows = tensor.shape[:1] if tensor.name == roles.classes else (1,)
            found[tensor.name] = np.full([*rows, *shape], zero, element.dtype)
    return found


def _like(value: object) -> Schema:
    """The schema of values of one kind; of classes and columns, whose names the file alone knows, only their kind."""
    if isinstance(value, str):
        return {"type": ["string", "integer"]} if value == "" else {"type": "string"}
    if isinstance(value, dict):
        return {"type": "object", "additionalProperties": _SCORE}
    if isinstance(value, (list, np.ndarray)):
        return {"type": "array", "items": _like(value[0]) if len(value) else {}}
    if isinstance(value, (int, np.integer)):
        return {"type": "integer"}
    return _SCORE
