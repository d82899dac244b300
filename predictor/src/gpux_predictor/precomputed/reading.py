"""Cells as Python's values, one by one where one of them has none. Pure."""

from typing import Any

import pyarrow as pa


class Unreadable:
    """A cell without a value here: text that is no UTF-8, a day beyond the year 9999. No rule for requests takes it."""

    def __repr__(self) -> str:
        return "a value that cannot be read"


UNREADABLE = Unreadable()
_ERRORS = (ValueError, OverflowError, pa.ArrowException)


def values_of(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """The values of a column: None where there is none, UNREADABLE where Python has none."""
    try:
        found: list[Any] = column.to_pylist()
    except _ERRORS:
        return [_value_of(cell) for cell in column]
    return found


def _value_of(cell: pa.Scalar) -> Any:  # noqa: ANN401  (any value)
    try:
        return cell.as_py()
    except _ERRORS:
        return UNREADABLE
