"""From the cells of a table to what requests hold: keys, numbers, days, JSON. Pure.

A CSV has text only. There a key that is a whole number is one (`42`, not `042`), a number that is empty or one of `MISSING` is
absent, and every other column stays text.
"""

import math
import re
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from gpux_predictor.precomputed.numeric import MISSING, numbers
from gpux_predictor.precomputed.reading import UNREADABLE, Unreadable, values_of
from gpux_predictor.transforms.tabular_table import Column

_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")
Key = str | int | float


def keys(column: pa.ChunkedArray, *, texts: bool) -> list[Key | Unreadable | None]:
    """The keys of entities; None where there is none, UNREADABLE where it has no place in JSON."""
    return [_key_of_text(cell) if texts else _key(cell) for cell in values_of(column)]


def _key_of_text(cell: str) -> str | int | None:
    return int(cell) if _WHOLE.fullmatch(cell) else cell or None


def _key(cell: Any) -> Key | Unreadable | None:  # noqa: ANN401
    """pandas makes floats of whole numbers where one is absent: 42.0 is 42."""
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return None if math.isnan(cell) else UNREADABLE
        return int(cell) if cell.is_integer() and abs(cell) < 2**63 else cell
    if cell is None or isinstance(cell, Unreadable):
        return cell
    return (cell or None) if isinstance(cell, str) else cell if type(cell) is int else str(cell)


def feature(column: pa.ChunkedArray, *, texts: bool, kind: str) -> Column:
    """A feature's cells.

    Args:
        kind: of the graph's element type: `f`loat, `i`nteger, `b`oolean or `s`tring. In a CSV a string that is empty is absent, and a
            boolean is true or false in any case of letters, 1 or 0.
    """
    if kind in "fi":
        return numbers(column, texts=texts, whole=kind == "i")
    cells = values_of(column)
    if texts:
        cells = [_boolean(cell) if kind == "b" else cell or None for cell in cells]
    absent = np.array([cell is None for cell in cells], np.bool_)
    return Column(np.zeros(len(cells)), absent, {row: cell for row, cell in enumerate(cells) if cell is not None})


def _boolean(cell: str) -> Any:  # noqa: ANN401  (what is none stays text)
    word = cell.strip().lower()
    return None if word in MISSING else {"true": True, "1": True, "false": False, "0": False}.get(word, cell)


def listed(column: pa.ChunkedArray) -> list[Any]:
    """The cells of a column of the list; None also where one cannot be read."""
    return [None if cell is UNREADABLE else cell for cell in values_of(column)]


def days(column: pa.ChunkedArray, zone: tzinfo = UTC) -> list[str | None]:
    """The dates of a column (dates, times, or text that begins with an ISO date) as `2026-04-25`; None where there is none.

    Args:
        zone: in which moments have their date: times with a zone, and texts with an offset.
    """
    return [_day(cell, zone) for cell in values_of(column)]


def _day(cell: Any, zone: tzinfo) -> str | None:  # noqa: ANN401
    try:
        if isinstance(cell, str):
            cell = datetime.fromisoformat(cell) if len(cell) > 16 else date.fromisoformat(cell[:10])
    except ValueError:
        return _beginning(cell)
    if not isinstance(cell, date):
        return None
    try:
        moment = cell.astimezone(zone) if isinstance(cell, datetime) and cell.tzinfo else cell
    except OverflowError:  # in the year 1 or 9999
        return None
    return moment.isoformat()[:10]


def _beginning(text: str) -> str | None:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return None


def is_plain(kind: pa.DataType) -> bool:
    """Whether cells of a type have a place in JSON."""
    if pa.types.is_dictionary(kind):
        return is_plain(kind.value_type)
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return not (pa.types.is_nested(kind) or binary or pa.types.is_binary_view(kind))


def json_of_text(cell: str) -> Any:  # noqa: ANN401  (any JSON value)
    """A CSV's cell for an input that takes no text: JSON (a number, an array); None where it is missing, the text where it is none."""
    if cell.strip().lower() in MISSING:
        return None
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return cell
