"""From cells to numbers, as /predict would read them: no digit of an integer is lost, and what is no number is not made one. Pure."""

import math
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from gpux_predictor.precomputed.reading import values_of
from gpux_predictor.transforms.tabular_table import Column

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""What stands for no number in a CSV, in any case of letters."""
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$"
"""Numbers as people write them, in lower case: JSON's, and those with a plus, leading zeros or a bare point."""
_WHOLE = re.compile(r"[+-]?[0-9]+")
_EXACT = 2.0**53
"""Below here a float64 holds every whole number."""


def numbers(column: pa.ChunkedArray, *, texts: bool, whole: bool) -> Column:
    """A feature's cells as numbers.

    Args:
        texts: the cells are text: one that is no number, or beyond float64, stays text.
        whole: the graph wants integers, of which a float64 would lose digits.
    """
    array = column.combine_chunks()
    if texts:
        return _of_texts(array, whole=whole)
    kind = array.type
    if pa.types.is_uint64(kind) and (pa.compute.max(array).as_py() or 0) < 2**63:
        kind = pa.int64()
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return Column(_filled(array.cast(pa.int64()), 0), _absent(array))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_uint64(kind):
        values = _filled(array.cast(pa.float64(), safe=False), math.nan)
        exact = whole and not pa.types.is_floating(kind)
        return Column(values, np.isnan(values), _exact_cells(array, values) if exact else {})
    odd = {row: cell for row, cell in enumerate(values_of(array)) if cell is not None}
    return Column(np.zeros(len(array)), _absent(array), odd)


def _exact_cells(array: pa.Array, values: np.ndarray) -> dict[int, Any]:
    """Cells of which the float64 may have lost digits, for the rule that is asked about odd cells."""
    cells = {int(row): array[row].as_py() for row in np.flatnonzero(np.abs(values) >= _EXACT)}
    return {row: int(cell) for row, cell in cells.items() if not isinstance(cell, Decimal) or cell == int(cell)}


def _of_texts(array: pa.Array, *, whole: bool) -> Column:
    lower = pa.compute.utf8_lower(pa.compute.utf8_trim_whitespace(array))
    missing = pa.compute.is_in(lower, value_set=pa.array(sorted(MISSING)))
    right = pa.compute.match_substring_regex(lower, _NUMBER)
    given = pa.compute.utf8_ltrim(pa.compute.if_else(right, lower, None), "+")
    absent = missing.to_numpy(zero_copy_only=False)
    odd = {int(row): array[row].as_py() for row in np.flatnonzero(~(absent | right.to_numpy(zero_copy_only=False)))}
    if whole:
        try:
            return Column(_filled(given.cast(pa.int64()), 0), absent, odd)
        except pa.ArrowInvalid:
            pass  # a fraction, or more digits than int64 has
    values = _filled(given.cast(pa.float64()), 0)
    beyond = np.flatnonzero(np.isinf(values))
    odd |= {int(row): array[row].as_py() for row in beyond}
    if whole:
        large = np.flatnonzero((np.abs(values) >= _EXACT) & np.isfinite(values))
        texts = {int(row): given[row].as_py() for row in large}
        odd |= {row: int(text) for row, text in texts.items() if _WHOLE.fullmatch(text)}
    values[beyond] = 0
    return Column(values, absent, odd)


def _filled(array: pa.Array, instead: float) -> np.ndarray:
    found: np.ndarray = array.fill_null(instead).to_numpy(zero_copy_only=False)
    return found if found.flags.writeable else found.copy()


def _absent(array: pa.Array) -> np.ndarray:
    found: np.ndarray = array.is_null().to_numpy(zero_copy_only=False)
    return found
