"""From a request's object to complete feeds, by the manifest's steps. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from gpux_predictor.batching.plan import Plan
from gpux_predictor.errors import BadRequest
from gpux_predictor.serving.steps import ImageStep, Steps
from gpux_predictor.tensors import decode
from gpux_predictor.tensors.batch_axis import BatchAxis
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.tensors.values import json_type
from gpux_predictor.transforms.tabular import FEATURES
from gpux_predictor.transforms.text import Row, TextTransform

Feeds = dict[str, np.ndarray]


@dataclass(slots=True)
class Prepared:
    """A request that can run.

    Attributes:
        parts: complete feeds, each with a row for each of its samples; one part for most requests.
        single: the answer goes without its batch axis.
        order: for each row of the parts, one after the other, its place in the request; empty where they are in order.
        entities: of requests with features, what each row is about.
        lengths: of requests with several texts, the tokens of each row of each part: the rest is padding.
    """

    parts: list[Feeds]
    single: bool
    order: Sequence[int] = ()
    entities: Sequence[Any] = ()
    lengths: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the steps made of a request: for each filled input one array a sample, without a batch axis."""

    arrays: Mapping[str, list[np.ndarray]]
    count: int
    single: bool


def prepare(signature: Signature, axis: BatchAxis, steps: Steps, plan: Plan, request: Any) -> Prepared:  # noqa: ANN401
    """The feeds of a request.

    Args:
        request: an object of keys to values, as JSON gives it; files as bytes.

    Raises:
        BadRequest: naming what is missing or wrong.
    """
    if steps.tabular is not None and _is_tabular(steps, request):
        return _features(steps, plan, request)
    if not isinstance(request, dict):
        raise BadRequest(
            f"Invalid request body: expected a JSON object of input names to values, found {json_type(request)}"
        )
    rows, rest = _apply(steps, request)
    if rows is None:
        arrays, single = decode.request_arrays(signature, axis, rest, steps.keys())
        return Prepared([arrays], single)
    if rows.count == 1:
        filled = {name: values[0][np.newaxis] for name, values in rows.arrays.items()}
        arrays, without = decode.request_arrays(signature, axis, rest, steps.keys(), filled)
        return Prepared([arrays], rows.single or without)
    parts, order, lengths = [], [], []
    tokens = steps.text.inputs[0] if steps.text is not None else ""
    for group in _groups(rows, steps.text, plan):
        filled = {name: _stack([values[i] for i in group], name, steps.text) for name, values in rows.arrays.items()}
        arrays, _ = decode.request_arrays(signature, axis, _share(rest, group, rows.count), steps.keys(), filled)
        parts.append(arrays)
        order += group
        if tokens in rows.arrays:
            lengths.append([rows.arrays[tokens][i].size for i in group])
    return Prepared(parts, single=False, order=[] if order == sorted(order) else order, lengths=lengths)


def _apply(steps: Steps, request: Mapping[str, Any]) -> tuple[_Rows | None, dict[str, Any]]:
    """What the steps make of their keys, and what the request holds beside."""
    rest = dict(request)
    arrays: dict[str, list[np.ndarray]] = {}
    found: list[tuple[str, int, bool]] = []
    if steps.text is not None and steps.text_key in request:
        texts, pairs, single = steps.text.parse(rest.pop(steps.text_key), rest.pop(steps.pair_key or "", None))
        rows = steps.text.encode(texts, pairs)
        arrays |= {name: [row[name] for row in rows] for name in steps.text.inputs}
        found.append((steps.text_key, len(rows), single))
    if steps.image is not None and steps.image.key in request:
        images, single, ready = _images(steps.image, request[steps.image.key])
        if not ready:
            del rest[steps.image.key]
            arrays[steps.image.tensor] = [steps.image.transform(image) for image in images]
            found.append((steps.image.key, len(images), single))
    if not found:
        return None, rest
    counts = {count for _, count, _ in found}
    if len(counts) > 1:
        (one, first, _), (other, second, _) = found[:2]
        raise BadRequest(f"Invalid input shape for '{other}': {second} samples beside {first} of '{one}'")
    return _Rows(arrays, counts.pop(), all(single for _, _, single in found)), rest


def _images(step: ImageStep, value: Any) -> tuple[list[Any], bool, bool]:  # noqa: ANN401
    """The images of a value, whether it was one, and whether it is a tensor that passes untouched."""
    if not isinstance(value, list):
        return [value], True, False
    if value and all(isinstance(item, (str, bytes, dict)) for item in value):
        return value, False, False
    shape: list[int] = []
    item: Any = value
    while isinstance(item, list) and len(shape) < 5:
        shape.append(len(item))
        item = item[0] if item else None
    if step.key == step.tensor and step.transform.is_tensor(shape):
        return [], False, True
    return (value, False, False) if len(shape) == 4 else ([value], True, False)


def _groups(rows: _Rows, text: TextTransform | None, plan: Plan) -> list[list[int]]:
    """Which samples of a request go into one part: all that may share a run."""
    if not plan.batched:
        return [[i] for i in range(rows.count)]
    tokens = text.inputs if text is not None else ()
    others = [values for name, values in rows.arrays.items() if name not in tokens]
    by_shape: dict[object, list[int]] = {}
    for i in range(rows.count):
        by_shape.setdefault(tuple(values[i].shape for values in others), []).append(i)
    if not tokens or tokens[0] not in rows.arrays:
        return list(by_shape.values())
    lengths = [array.size for array in rows.arrays[tokens[0]]]
    return [part for group in by_shape.values() for part in _by_length(group, lengths, plan)]


def _by_length(group: list[int], lengths: Sequence[int], plan: Plan) -> list[list[int]]:
    """Texts that may share a run: those of one length, or where padding is neutral any, neighbours in length together."""
    if plan.pads and len(group) <= plan.limit:
        return [group]
    ordered = sorted(group, key=lengths.__getitem__)
    if plan.pads:
        return [ordered[i : i + plan.limit] for i in range(0, len(ordered), plan.limit)]
    return [list(part) for _, part in groupby(ordered, key=lengths.__getitem__)]


def _stack(arrays: list[np.ndarray], name: str, text: TextTransform | None) -> np.ndarray:
    if text is None or name not in text.inputs:
        return np.stack(arrays)
    rows: list[Row] = [{name: array} for array in arrays]
    longest = max(array.size for array in arrays)
    return text.pad_rows(rows, longest, (name,))[name]


def _share(rest: Mapping[str, Any], group: Sequence[int], count: int) -> dict[str, Any]:
    """What a part has of the inputs beside: their rows where they are a list of one for each sample."""
    return {
        name: [value[i] for i in group] if isinstance(value, list) and len(value) == count else value
        for name, value in rest.items()
    }


def _is_tabular(steps: Steps, request: Any) -> bool:  # noqa: ANN401
    """Whether a request names features; the graph's own inputs may be sent too, one that is called features among them."""
    inputs = steps.tabular.inputs if steps.tabular else frozenset()
    if not isinstance(request, dict) or inputs.isdisjoint(request):
        return True
    return FEATURES in request and not (FEATURES in inputs and isinstance(request[FEATURES], list))


def _features(steps: Steps, plan: Plan, request: Any) -> Prepared:  # noqa: ANN401
    tabular = steps.tabular
    assert tabular is not None  # noqa: S101
    bodies, single = tabular.parse(request)
    entities = [body[tabular.entity_key] for body in bodies]
    parts = [tabular.feeds(bodies)] if plan.batched else [tabular.feeds([body]) for body in bodies]
    return Prepared(parts, single, (), entities)
