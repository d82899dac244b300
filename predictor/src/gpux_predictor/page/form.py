"""What the page asks for: a field for each part of a request to this model, filled in. Pure.

Values are JSON texts, not numbers: a browser would round an int64 and write 1.0 as 1.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gpux_api.v1alpha1 import GpuxModel
from gpux_api.v1alpha1.processing import ImageSpec, TabularSpec, TextSpec
from gpux_api.v1alpha1.resource import GpuxModelSpec
from gpux_predictor.openapi import examples
from gpux_predictor.openapi.document import takes_tasks
from gpux_predictor.openapi.graph import Graph
from gpux_predictor.page.values import IMAGE, TEXT, element_kind, kind_of, picture, takes
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.tensors.values import element_of
from gpux_predictor.transforms import tabular_checks, tabular_columns, token_inputs
from gpux_predictor.transforms.image_checks import find_tensor
from gpux_predictor.transforms.output_steps import plan
from gpux_predictor.transforms.tabular import FEATURES

Field = dict[str, Any]


def form(model: GpuxModel, graph: Graph) -> dict[str, Any]:
    """The fields, the outputs as the answer names them, and whether the model takes tasks."""
    spec = model.spec
    before = spec.preprocessing
    tabular = before.tabular if before else None
    fields = _inputs(spec, graph) if tabular is None else [_features(tabular, spec, graph)]
    return {"fields": fields, "outputs": _outputs(spec, graph.signature), "tasks": takes_tasks(model)}


def _inputs(spec: GpuxModelSpec, graph: Graph) -> list[Field]:
    """Texts and images first, then the tensors that they do not fill."""
    before = spec.preprocessing
    fields: list[Field] = []
    filled: set[str] = set()
    if before and before.text:
        filled |= set(token_inputs.find(graph.signature).names.values())
        fields += _texts(before.text)
    if before and before.image:
        filled.add(find_tensor(before.image, graph.signature).name)
        fields.append(_image(before.image))
    fields += [_tensor(tensor, graph) for tensor in graph.signature.inputs if tensor.name not in filled]
    values = _values(fields, spec, graph)
    for field in fields:
        if (value := values.get(field["name"])) is not None:
            field["example"] = picture(value) if field["kind"] == IMAGE else _json(value)
    return fields


def _texts(spec: TextSpec) -> list[Field]:
    names = filter(None, (spec.input, spec.pair_with))
    return [{"kind": TEXT, "name": name, "required": True, "max_tokens": spec.max_length} for name in names]


def _image(spec: ImageSpec) -> Field:
    return {"kind": IMAGE, "name": spec.input, "required": True}


def _tensor(tensor: Tensor, graph: Graph) -> Field:
    """A field for a tensor; `sizes` and `item` are of a value to begin with where there is no example."""
    sizes = examples.sizes(tensor, graph.axis, batched=False)
    return tensor.describe() | {
        "kind": kind_of(tensor, graph.axis),
        "required": tensor.required,
        "max_length": tensor.max_length,
        "sizes": sizes,
        "item": _json(examples.item(tensor)),
    }


def _values(fields: Sequence[Field], spec: GpuxModelSpec, graph: Graph) -> Mapping[str, Any]:
    """The first of the manifest's samples that the fields can hold, or a request made up; {} if that is too large."""
    kinds = {field["name"]: field["kind"] for field in fields}
    for sample in spec.samples or ():
        if all(takes(kinds.get(name), value) for name, value in sample.request.items()):
            return sample.request
    return examples.made(spec, *graph) or {}


def _features(before: TabularSpec, spec: GpuxModelSpec, graph: Graph) -> Field:
    """One field for an entity: its key and its features."""
    columns = tabular_columns.find(before, graph.signature)
    fallback = tabular_checks.fallback(before, columns)
    tensors = {name: item.tensor for item in columns for name in item.features}
    request = next((s.request for s in spec.samples or () if isinstance(s.request.get(FEATURES), dict)), None)
    request = request or examples.made(spec, *graph) or {}
    return {
        "kind": FEATURES,
        "name": FEATURES,
        "key": before.entity_key,
        "example": _json(request.get(before.entity_key, 1)),
        "features": [_feature(name, tensors[name], fallback, request.get(FEATURES, {})) for name in before.features],
    }


def _feature(name: str, tensor: Tensor, fallback: Mapping[str, float], example: Mapping[str, Any]) -> Field:
    """A feature; `default` is None where there is none, or where it is NaN."""
    default = fallback.get(name, math.nan)
    return {
        "name": name,
        "type": element_of(tensor).name,
        "kind": element_kind(tensor),
        "required": name not in fallback,
        "default": None if math.isnan(default) else _json(default),
    } | ({"example": _json(example[name])} if example.get(name) is not None else {})


def _outputs(spec: GpuxModelSpec, signature: Signature) -> list[dict[str, object]]:
    steps = plan(spec.postprocessing, spec.outputs, signature)
    return [
        tensor.describe() | {"name": steps[tensor.name].key if tensor.name in steps else tensor.name}
        for tensor in signature.outputs
    ]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
