"""Named features of many rows at once: what `TabularTransform.feeds` makes of each, at the speed of numpy.

Cells that are surely fine go by the column. Every row with a doubtful one goes through `TabularTransform.feeds`, which is the rule; so
do strings and booleans.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.values import element_of
from gpux_predictor.transforms.tabular import FEATURES, TabularTransform

_EXACT = 2.0**53
"""Up to here a float64 holds every whole number."""


@dataclass(frozen=True)
class Column:
    """One feature of n rows.

    Attributes:
        values: int64 or float64 [n]; anything where a row is absent or odd.
        absent: bool [n], rows without a value.
        odd: other cells, by row.
    """

    values: np.ndarray
    absent: np.ndarray
    odd: Mapping[int, Any] = field(default_factory=dict)

    def cell(self, row: int) -> Any:  # noqa: ANN401
        """The value as JSON would have given it; None where it is absent."""
        if row in self.odd:
            return self.odd[row]
        return None if self.absent[row] else self.values[row].item()


def feeds(
    transform: TabularTransform, columns: Mapping[str, Column], count: int
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[int, str]]:
    """The features of a table.

    Args:
        columns: by feature; features that the table does not have are absent in each row.
        count: n, the rows.

    Returns:
        For each input what `TabularTransform.feeds` gives, [n, its features]; bool [n] of the rows that are right; and what is wrong
        with the others.
    """
    made: dict[str, np.ndarray] = {}
    doubtful = np.zeros(count, np.bool_)
    for group in transform.columns:
        dtype = element_of(group.tensor).dtype
        array = made[group.tensor.name] = np.empty((count, len(group.features)), dtype)
        if dtype.kind not in "iuf":
            doubtful[:] = True
            continue
        for place, name in enumerate(group.features):
            values, doubts = _column(transform, name, columns.get(name), dtype, count)
            doubtful |= doubts
            with np.errstate(over="ignore", invalid="ignore"):
                array[:, place] = values.astype(dtype)
    right, wrong = _one_by_one(transform, columns, made, doubtful)
    flat = {group.tensor.name for group in transform.columns if group.flat}
    return {name: array[:, 0] if name in flat else array for name, array in made.items()}, right, wrong


def _one_by_one(
    transform: TabularTransform, columns: Mapping[str, Column], made: Mapping[str, np.ndarray], doubtful: np.ndarray
) -> tuple[np.ndarray, dict[int, str]]:
    """Fills the doubtful rows by the rule, and says which are right and what is wrong with the others."""
    right, wrong = np.ones(len(doubtful), np.bool_), {}
    for row in np.flatnonzero(doubtful).tolist():
        found = {name: column.cell(row) for name, column in columns.items()}
        try:
            fed = transform.feeds([{FEATURES: found}])
        except BadRequest as error:
            right[row], wrong[row] = False, error.detail
            continue
        for name, array in fed.items():
            made[name][row] = array[0]
    return right, wrong


def _column(
    transform: TabularTransform, name: str, column: Column | None, dtype: np.dtype, count: int
) -> tuple[np.ndarray, np.ndarray]:
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
    return values, doubts | _unlike(values, dtype)


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
