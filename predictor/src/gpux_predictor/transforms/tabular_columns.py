"""Named features of many rows at once: what `TabularTransform.row` makes of each, at the speed of numpy.

Cells that are surely fine go by the column. Every row with a doubtful one goes through `TabularTransform.row`, which is the rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.transforms.tabular import FEATURES, TabularTransform

_EXACT = 2.0**53
"""Up to here a float64 holds every whole number."""


@dataclass(frozen=True)
class Column:
    """One feature of n rows.

    Attributes:
        values: int64 or float64 [n]; anything where a row is absent or odd.
        absent: bool [n], rows without a value.
        odd: cells that are no numbers, by row.
    """

    values: np.ndarray
    absent: np.ndarray
    odd: Mapping[int, Any] = field(default_factory=dict)

    def cell(self, row: int) -> Any:  # noqa: ANN401
        """The value as JSON would have given it; None where it is absent."""
        if row in self.odd:
            return self.odd[row]
        return None if self.absent[row] else self.values[row].item()


def matrix(
    transform: TabularTransform, columns: Mapping[str, Column], count: int
) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """The features of a table.

    Args:
        columns: by feature; features that the table does not have are absent in each row.
        count: n, the rows.

    Returns:
        The numbers [n, len(features)] in the graph's dtype, bool [n] of the rows that are right, and what is wrong with the others.
    """
    numbers = np.zeros((count, len(transform.names)), transform.dtype)
    doubtful = np.zeros(count, np.bool_)
    for place, name in enumerate(transform.names):
        values, doubts = _column(transform, name, columns.get(name), count)
        doubtful |= doubts
        with np.errstate(over="ignore", invalid="ignore"):
            numbers[:, place] = values.astype(transform.dtype)
    right, wrong = np.ones(count, np.bool_), {}
    for row in np.flatnonzero(doubtful).tolist():
        found = {name: column.cell(row) for name, column in columns.items()}
        try:
            numbers[row] = transform.row({FEATURES: found})
        except BadRequest as error:
            right[row], wrong[row] = False, error.detail
    return numbers, right, wrong


def _column(transform: TabularTransform, name: str, column: Column | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The values of a feature with its fallback filled in, and the rows that want a closer look."""
    fallback = transform.fallback(name)
    if column is None:
        return np.full(count, 0.0 if fallback is None else fallback), np.full(count, fallback is None)
    values, doubts = column.values, np.zeros(count, np.bool_)
    doubts[list(column.odd)] = True
    if column.absent.any():
        if fallback is None:
            doubts |= column.absent
        else:
            values = np.where(column.absent, fallback, values)
    return values, doubts | _unlike(values, transform.dtype)


def _unlike(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Rows whose number the dtype may not hold."""
    unlike: np.ndarray
    if dtype.kind == "f":
        unlike = np.isfinite(values) & (np.abs(values) > float(np.finfo(dtype).max))
        return unlike
    limits = np.iinfo(dtype)
    unlike = (values < limits.min) | (values > limits.max)
    if values.dtype.kind == "f":
        unlike |= ~(np.abs(values) < _EXACT) | (values != np.trunc(values))
    return unlike
