"""KServe's V1 protocol (TensorFlow Serving's REST predict API): `{"instances": [...]}` to `{"predictions": [...]}`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors import encode
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.tensors.values import from_json, is_column


def arrays(signature: Signature, payload: Any) -> dict[str, np.ndarray]:  # noqa: ANN401
    """The arrays of a V1 request: one instance a row, or for several inputs a row of `{input: value}`.

    Raises:
        BadRequest: no instances, rows of different kinds, or a value that its input cannot take.
    """
    instances = payload.get("instances") if isinstance(payload, dict) else None
    if not isinstance(instances, list) or not instances:
        raise BadRequest('Invalid request body: expected {"instances": [...]} with one entry a sample')
    known = {tensor.name: tensor for tensor in signature.inputs}
    if all(isinstance(row, dict) for row in instances):
        names = list(instances[0])
        if any(row.keys() != set(names) for row in instances):
            raise BadRequest("Invalid request body: every instance must have the same inputs")
        columns = {name: [row[name] for row in instances] for name in names}
    elif len(known) == 1:
        columns = {next(iter(known)): instances}
    else:
        raise BadRequest(
            f"Invalid request body: each instance must be an object with {', '.join(repr(name) for name in known)}"
        )
    return {name: _column(known.get(name), column) for name, column in columns.items()}


def _column(tensor: Tensor | None, values: list[Any]) -> np.ndarray:
    """One input of all samples; an unknown one goes on to be refused by its name."""
    if tensor is None:
        return np.empty(0)
    array = from_json(tensor, values)
    return array[:, np.newaxis] if array.ndim == 1 and is_column(tensor) else array


def response(outputs: Mapping[str, Any], samples: int) -> dict[str, Any]:
    """The V1 answer: a row a sample, a bare value for one output and `{output: value}` for several.

    An output that has no row for each sample cannot be split: then the answer is `{output: value}` for all of them together.
    """
    values = {name: encode.jsonable(value) for name, value in outputs.items()}
    if any(not isinstance(value, (np.ndarray, list)) or len(value) != samples for value in values.values()):
        return {"predictions": values}
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    return {"predictions": [{name: value[row] for name, value in values.items()} for row in range(samples)]}
