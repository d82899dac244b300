"""KServe's V1 protocol (TensorFlow Serving's REST predict API): `{"instances": [...]}` to `{"predictions": [...]}`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors import booleans, encode
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.tensors.values import elements, from_json, is_column


def parse(body: bytes, signature: Signature) -> tuple[dict[str, np.ndarray], int]:
    """The arrays of a V1 request, and how many samples they are.

    Args:
        body: JSON; one instance a row, or for several inputs a row of `{input: value}`.
        signature: the model's.

    Raises:
        BadRequest: malformed JSON, no instances, rows of different kinds, or a value that its input cannot take.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Invalid JSON: {error}") from None
    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list) or not instances:
        raise BadRequest('Invalid request body: expected {"instances": [...]} with one entry a sample')
    known = {tensor.name: tensor for tensor in signature.inputs}
    shared = _scalars(signature)
    arrays = {}
    rows = columns(signature, instances)
    booleans.check(signature, body, rows)
    for name, values in rows.items():
        if name not in known:
            arrays[name] = np.empty(0)  # goes on to be refused by its name
        elif name in shared and not any(isinstance(value, list) for value in values):
            arrays[name] = _shared(known[name], values)
        else:
            arrays[name] = _column(known[name], values)
    return arrays, len(instances)


def columns(signature: Signature, instances: list[Any]) -> dict[str, list[Any]]:
    """The values of each input, a sample after the other.

    Raises:
        BadRequest: instances of different kinds.
    """
    names = [tensor.name for tensor in signature.inputs]
    if all(isinstance(row, dict) for row in instances):
        keys = instances[0].keys()
        if any(row.keys() != keys for row in instances):
            raise BadRequest("Invalid request body: every instance must have the same inputs")
        return {name: [row[name] for row in instances] for name in keys}
    if len(names) == 1:
        return {names[0]: instances}
    raise BadRequest(f"Invalid request body: each instance must be an object with {', '.join(map(repr, names))}")


def _scalars(signature: Signature) -> frozenset[str]:
    """Inputs without dimensions beside others that have them: the same for all samples of a run.

    ONNX Runtime reports a scalar and a graph that says nothing about the shape alike; alone, such an input takes a row a sample.
    """
    return frozenset(t.name for t in signature.inputs if not t.shape and any(other.shape for other in signature.inputs))


def _shared(tensor: Tensor, values: list[Any]) -> np.ndarray:
    """One value for all samples: the graph would take a vector of them for something else, and answer wrongly."""
    if any(value != values[0] for value in values):
        other = next(value for value in values if value != values[0])
        raise BadRequest(
            f"Invalid input value for '{tensor.name}': this input is one value for all instances of a request, "
            f"found {values[0]!r:.40} and {other!r:.40}: send them in requests of their own"
        )
    return elements(tensor, values[0])


def _column(tensor: Tensor, values: list[Any]) -> np.ndarray:
    """One input of all samples."""
    array = from_json(tensor, values)
    return array[:, np.newaxis] if array.ndim == 1 and is_column(tensor) else array


def render(outputs: Mapping[str, Any], samples: int) -> bytes:
    """The body of a V1 response: a row a sample, a bare value for one output and `{output: value}` for several.

    An output that has no row for each sample cannot be split: then the answer is `{output: value}` for all of them together.
    """
    values = {name: encode.jsonable(value) for name, value in outputs.items()}
    return orjson.dumps({"predictions": _rows(values, samples)}, option=orjson.OPT_SERIALIZE_NUMPY)


def _rows(values: dict[str, Any], samples: int) -> Any:  # noqa: ANN401
    if any(not isinstance(value, (np.ndarray, list)) or len(value) != samples for value in values.values()):
        return values
    if len(values) == 1:
        return next(iter(values.values()))
    return [{name: encode.jsonable(value[row]) for name, value in values.items()} for row in range(samples)]
