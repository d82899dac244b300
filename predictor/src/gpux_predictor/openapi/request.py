"""The JSON Schema of a body of /predict."""

import math
from collections.abc import Callable, Iterable, Sequence

from gpux_api.v1alpha1.processing import ImageSpec, TabularSpec, TextSpec
from gpux_api.v1alpha1.resource import GpuxModelSpec
from gpux_predictor.openapi.tensors import Schema, batch, exactly, nested, sample, taken
from gpux_predictor.tensors.batch_axis import BatchAxis
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.transforms import tabular_checks, tabular_columns, token_inputs
from gpux_predictor.transforms.image_checks import find_tensor
from gpux_predictor.transforms.tabular import FEATURES

_PIXEL: Schema = {"type": "integer", "minimum": 0, "maximum": 255}
_FILE: Schema = {"type": "string", "minLength": 1, "description": "Base64 of a JPEG, PNG or WebP file, or a data URL."}
_ONE_IMAGE: Schema = {
    "anyOf": [
        _FILE,
        exactly({"b64": _FILE}),
        nested(_PIXEL, (None, None)) | {"description": "Pixels, [height, width]."},
        {"anyOf": [nested(_PIXEL, (None, None, n)) for n in (1, 3, 4)], "description": "Pixels, [height, width, n]."},
    ]
}
_IMAGES: Schema = {"type": "array", "items": _ONE_IMAGE, "minItems": 1}


def body(spec: GpuxModelSpec, signature: Signature, axis: BatchAxis) -> Schema:
    """Every form of a body that the model takes.

    Sizes that must agree (dimensions of one name, the lengths of nested arrays) have no words in JSON Schema: a body that
    matches may still be a 400, one that does not match always is.
    """
    before = spec.preprocessing
    forms: list[Schema] = []
    if before is not None and before.tabular is not None:
        forms += _features(before.tabular, signature)
    if before is not None and (before.text or before.image):
        forms += _filled(before.text, before.image, signature, axis)
    forms += _tensors(signature.inputs, axis)
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _tensors(
    inputs: Iterable[Tensor], axis: BatchAxis, keys: Sequence[tuple[dict[str, Schema], bool]] = (), kind: str = ""
) -> list[Schema]:
    """The forms of a body that holds these inputs, as a batch and as one sample.

    Args:
        inputs: the graph's.
        keys: for each form the keys beside them, and whether it is one sample; omitted: both forms without any.
        kind: what the titles say that the keys hold.
    """
    inputs = tuple(inputs)
    splits = any(tensor.name in axis.inputs for tensor in inputs)
    found = []
    for more, single in keys or [({}, True), ({}, False)]:
        if single and not splits and not keys:
            continue
        of = _one(axis) if single else _many(axis)
        properties = more | {tensor.name: of(tensor) for tensor in inputs}
        required = [*more, *(tensor.name for tensor in inputs if tensor.required)]
        title = "One sample" if single else "Batch" if splits or keys else "Inputs"
        found.append(exactly(properties, required, f"{title} of {kind}" if kind else title))
    return found


def _one(axis: BatchAxis) -> Callable[[Tensor], Schema]:
    """Inputs of one sample; beside another input that has none, a batch axis of one is taken, too."""
    several = len(axis.inputs) > 1

    def of(tensor: Tensor) -> Schema:
        if tensor.name not in axis.inputs:
            return _many(axis)(tensor)
        one = sample(tensor)
        forms = {"anyOf": [one, nested(taken(tensor), (1, *tensor.shape[1:]))]}
        return described(tensor, forms if several else one)

    return of


def _many(axis: BatchAxis) -> Callable[[Tensor], Schema]:
    def of(tensor: Tensor) -> Schema:
        if tensor.name in axis.single:
            return described(tensor, {"anyOf": [sample(tensor), batch(tensor)]})
        return described(tensor, batch(tensor))

    return of


def described(tensor: Tensor, schema: Schema) -> Schema:
    """The schema with the manifest's description of the tensor."""
    return schema | ({"description": tensor.description} if tensor.description else {})


def _filled(text: TextSpec | None, image: ImageSpec | None, signature: Signature, axis: BatchAxis) -> list[Schema]:
    """The forms in which steps fill some of the graph's inputs."""
    one: dict[str, Schema] = {}
    many: dict[str, Schema] = {}
    filled: set[str] = set()
    if text is not None:
        filled |= set(token_inputs.find(signature).names.values())
        for key in filter(None, (text.input, text.pair_with)):
            one[key] = {"type": "string"}
            many[key] = {"type": "array", "items": {"type": "string"}, "minItems": 1}
        if text.pair_with:
            many = {key: {"anyOf": [schema, {"type": "string"}]} for key, schema in many.items()}
    if image is not None:
        filled.add(find_tensor(image, signature).name)
        one[image.input], many[image.input] = _ONE_IMAGE, _IMAGES
    rest = [tensor for tensor in signature.inputs if tensor.name not in filled]
    kind = " and ".join([*(["text"] if text else []), *(["images"] if image else [])])
    return _tensors(rest, axis, [(one, True), (many, False)], kind)


def _optional(kind: Schema, value: float) -> Schema:
    """A feature that may be absent, or null, and the value that it has then: null for NaN."""
    default = (
        None if math.isnan(value) else int(value) if value == int(value) and kind.get("type") != "number" else value
    )
    return {"anyOf": [kind, {"type": "null"}], "default": default}


def _features(spec: TabularSpec, signature: Signature) -> list[Schema]:
    """One entity, or a list of them."""
    found = tabular_columns.find(spec, signature)
    fallback = tabular_checks.fallback(spec, found)
    kinds = {name: taken(columns.tensor) for columns in found for name in columns.features}
    features = exactly(
        {name: _optional(kinds[name], fallback[name]) if name in fallback else kinds[name] for name in spec.features},
        [name for name in spec.features if name not in fallback],
    )
    entity = exactly(
        {spec.entity_key: {"type": ["string", "number"]}, FEATURES: features}, [spec.entity_key, FEATURES], "One entity"
    )
    return [entity, {"title": "Entities", "type": "array", "items": entity, "minItems": 1}]
