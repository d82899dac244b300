"""A request that the model answers: the manifest's first sample, or one made from the signature."""

import base64
import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from PIL import Image

from gpux_api.v1alpha1.processing import ImageSpec, TabularSpec
from gpux_api.v1alpha1.resource import GpuxModelSpec
from gpux_predictor.tensors.batch_axis import BatchAxis
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.tensors.values import element_of
from gpux_predictor.transforms import tabular_columns, token_inputs
from gpux_predictor.transforms.image_checks import find_tensor, sample_shape
from gpux_predictor.transforms.tabular import FEATURES

_VARYING = 4
"""The size of a dimension that varies."""
_MOST_ELEMENTS = 2048
"""A larger tensor would make the document hundreds of kilobytes long."""
_SIDE = 64
"""Pixels of a side that the graph and the manifest leave open."""


def request(spec: GpuxModelSpec, signature: Signature, axis: BatchAxis) -> dict[str, Any] | None:
    """A body of /predict for one sample; None if its tensors are too large to be read."""
    return dict(spec.samples[0].request) if spec.samples else made(spec, signature, axis)


def made(spec: GpuxModelSpec, signature: Signature, axis: BatchAxis) -> dict[str, Any] | None:
    """The same without the manifest's samples."""
    before = spec.preprocessing
    if before is not None and before.tabular is not None:
        return {before.tabular.entity_key: 1, FEATURES: _features(before.tabular, signature)}
    found: dict[str, Any] = {}
    filled: set[str] = set()
    if before is not None and before.text is not None:
        filled |= set(token_inputs.find(signature).names.values())
        found |= dict.fromkeys(filter(None, (before.text.input, before.text.pair_with)), "The quick brown fox")
    if before is not None and before.image is not None:
        tensor = find_tensor(before.image, signature)
        filled.add(tensor.name)
        found[before.image.input] = _picture(before.image, tensor)
    rest = [tensor for tensor in signature.inputs if tensor.name not in filled and tensor.required]
    values = tensors(rest, axis, batched=False)
    return None if values is None else found | values


def tensors(inputs: Sequence[Tensor], axis: BatchAxis, *, batched: bool) -> dict[str, Any] | None:
    """A value for each input, with its batch axis (of one sample) or without; None if they are too large."""
    shapes = {t.name: sizes(t, axis, batched=batched) for t in inputs}
    if sum(math.prod(shape) for shape in shapes.values()) > _MOST_ELEMENTS:
        return None
    return {tensor.name: _value(item(tensor), shapes[tensor.name]) for tensor in inputs}


def _features(spec: TabularSpec, signature: Signature) -> dict[str, Any]:
    """A value of each feature; 1 for numbers, which floats and integers take alike."""
    found = {name: columns.tensor for columns in tabular_columns.find(spec, signature) for name in columns.features}
    return {name: item(found[name]) if element_of(found[name]).kind in "sb" else 1 for name in spec.features}


def flat(values: Mapping[str, Any]) -> dict[str, tuple[list[Any], list[int]]]:
    """The elements and the shape of nested arrays."""
    found = {}
    for name, value in values.items():
        shape: list[int] = []
        items = [value]
        while isinstance(items[0], list):
            shape.append(len(items[0]))
            items = [element for part in items for element in part]
        found[name] = (items, shape)
    return found


def sizes(tensor: Tensor, axis: BatchAxis, *, batched: bool) -> list[int]:
    """A shape that an input may have, with its batch axis (of one sample) or without."""
    shape = [dim if isinstance(dim, int) else _VARYING for dim in tensor.shape]
    if tensor.name in axis.inputs:
        return [1, *shape[1:]] if batched else shape[1:]
    return shape


def item(tensor: Tensor) -> Any:  # noqa: ANN401
    """An element that an input may hold."""
    kind = tensor.element.kind if tensor.element else "f"
    return {"s": "text", "b": True, "i": 1, "f": 0.5}[kind]


def _value(one: Any, shape: Sequence[int]) -> Any:  # noqa: ANN401
    for size in reversed(shape):
        one = [one] * size
    return one


def _picture(spec: ImageSpec, tensor: Tensor) -> str:
    """A grey PNG of the size that the graph takes, in base64."""
    sides = sample_shape(spec, tensor)
    height, width = sides[1:] if spec.layout == "NCHW" else sides[:2]
    file = BytesIO()
    Image.new("L", (width or _SIDE, height or _SIDE), 128).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
