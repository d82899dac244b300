"""From the cells of a table to what requests hold: keys, numbers, days, JSON. Pure.

A CSV has text only. There a key that is a whole number is one (`42`, not `042`), a number that is empty or one of `MISSING` is
absent, and every other column stays text.
"""

import math
import re
from datetime import date
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute

from gpux_predictor.transforms.tabular_table import Column

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""What stands for no number in a CSV, in any case of letters."""
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")


def keys(column: pa.ChunkedArray, *, texts: bool) -> list[str | int | float | None]:
    """The keys of entities; None where there is none."""
    return [_key_of_text(cell) if texts else _key(cell) for cell in column.to_pylist()]


def _key_of_text(cell: str) -> str | int | None:
    return int(cell) if _WHOLE.fullmatch(cell) else cell or None


def _key(cell: Any) -> str | int | float | None:  # noqa: ANN401
    """pandas makes floats of whole numbers where one is absent: 42.0 is 42."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() else cell
    return (cell or None) if isinstance(cell, str) else cell if type(cell) is int else str(cell)


def feature(column: pa.ChunkedArray, *, texts: bool, kind: str) -> Column:
    """A feature's cells.

    Args:
        kind: of the graph's element type: `f`loat, `i`nteger, `b`oolean or `s`tring. In a CSV a string that is empty is absent, and a
            boolean is true or false in any case of letters, 1 or 0.
    """
    if kind in "fi":
        return numbers(column, texts=texts, whole=kind == "i")
    cells = column.to_pylist()
    if texts:
        cells = [_boolean(cell) if kind == "b" else cell or None for cell in cells]
    absent = np.array([cell is None for cell in cells], np.bool_)
    return Column(np.zeros(len(cells)), absent, {row: cell for row, cell in enumerate(cells) if cell is not None})


def _boolean(cell: str) -> Any:  # noqa: ANN401  (what is none stays text)
    word = cell.strip().lower()
    return None if word in MISSING else {"true": True, "1": True, "false": False, "0": False}.get(word, cell)


def numbers(column: pa.ChunkedArray, *, texts: bool, whole: bool) -> Column:
    """A feature's cells as numbers.

    Args:
        whole: the graph wants integers, of which a float64 would lose digits.
    """
    array = column.combine_chunks()
    if texts:
        return _numbers_of_texts(array, whole=whole)
    kind = array.type
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return Column(_filled(array.cast(pa.int64()), 0), _absent(array))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_uint64(kind):
        values = _filled(array.cast(pa.float64(), safe=False), math.nan)
        return Column(values, np.isnan(values))
    odd = {row: cell for row, cell in enumerate(array.to_pylist()) if cell is not None}
    return Column(np.zeros(len(array)), _absent(array), odd)


def _numbers_of_texts(array: pa.Array, *, whole: bool) -> Column:
    lower = pa.compute.utf8_lower(pa.compute.utf8_trim_whitespace(array))
    missing = pa.compute.is_in(lower, value_set=pa.array(sorted(MISSING)))
    given = pa.compute.if_else(missing, None, lower)
    for kind in (pa.int64(), pa.float64()) if whole else (pa.float64(),):
        try:
            return Column(_filled(given.cast(kind), 0), missing.to_numpy(zero_copy_only=False))
        except pa.ArrowInvalid:
            continue
    return _one_by_one(given, missing.to_numpy(zero_copy_only=False), array, whole=whole)


def _one_by_one(given: pa.Array, missing: np.ndarray, array: pa.Array, *, whole: bool) -> Column:
    values, odd = np.zeros(len(given)), {}
    for row, text in enumerate(given.to_pylist()):
        if text is None:
            continue
        try:
            values[row] = float(text)
        except ValueError:
            odd[row] = array[row].as_py()
        if whole and row not in odd and abs(values[row]) >= 2**53 and _WHOLE.fullmatch(text):
            odd[row] = int(text)  # exact, for the rule that is asked about odd cells
    return Column(values, missing, odd)


def _filled(array: pa.Array, instead: float) -> np.ndarray:
    found: np.ndarray = array.fill_null(instead).to_numpy(zero_copy_only=False)
    return found


def _absent(array: pa.Array) -> np.ndarray:
    found: np.ndarray = array.is_null().to_numpy(zero_copy_only=False)
    return found


def days(column: pa.ChunkedArray) -> list[str | None]:
    """The dates of a column (dates, times, or text that begins with an ISO date) as `2026-04-25`; None where there is none."""
    return [_day(cell) for cell in column.to_pylist()]


def _day(cell: Any) -> str | None:  # noqa: ANN401
    text = cell[:10] if isinstance(cell, str) else cell.isoformat()[:10] if isinstance(cell, date) else ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def is_plain(kind: pa.DataType) -> bool:
    """Whether cells of a type have a place in JSON."""
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def json_of_text(cell: str) -> Any:  # noqa: ANN401  (any JSON value)
    """A CSV's cell for an input that takes no text: JSON (a number, an array); None where it is missing, the text where it is none."""
    if cell.strip().lower() in MISSING:
        return None
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return cell
