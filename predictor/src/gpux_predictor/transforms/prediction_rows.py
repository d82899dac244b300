"""The parts of predictions: what an output has for each row."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gpux_predictor.errors import InferenceFailed

Row = dict[str, object]
"""One prediction."""


def named(row: Mapping[Any, Any]) -> Row:
    """Classes as keys of JSON."""
    return {str(key): value for key, value in row.items()}


def regression(values: Row) -> Row:
    """The outputs of one row of a regressor."""
    if len(values) == 1:
        return {"predicted_value": next(iter(values.values()))}
    return {"predicted_values": values}


def per_row(name: str, value: Any, count: int) -> list[Any]:  # noqa: ANN401
    """The value of each row: scalars of [N] and [N, 1], arrays of wider rows; of one row also what has no axis of rows.

    Raises:
        InferenceFailed: it has no value for each of several rows.
    """
    array = value if isinstance(value, list) else np.asarray(value)
    if isinstance(array, np.ndarray) and array.ndim < 3 and array.size == count:
        return array.reshape(-1).tolist() if array.dtype.kind != "f" else list(array.reshape(-1))
    if (isinstance(array, list) or array.ndim) and len(array) == count:
        return list(array)
    if count == 1:
        return [array]
    raise unlike(name, f"has no value for each of {count} entities: declare runtime.batching.batchAxis: none")


def unlike(output: str, problem: str) -> InferenceFailed:
    """The error of an output that is not what its type and name promise."""
    return InferenceFailed(f"Inference failed: output '{output}' {problem}")
