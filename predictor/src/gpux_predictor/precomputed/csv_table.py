"""CSV: every row has its number, also those that are none."""

import codecs
import csv
import io
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from gpux_predictor.precomputed.errors import TableError
from gpux_predictor.precomputed.pieces import LONGEST_ROW_BYTES, Piece, RowTooLong, Table, even, following, reading

_BLOCKS = (1 << 20, LONGEST_ROW_BYTES)
"""Bytes of CSV that are parsed at once: the second where a row is longer than the first, which none may be than the second."""


def open_csv(file: Path) -> Table:
    """A file with UTF-8 and a header, compressed as its suffix says.

    Raises:
        TableError, UnicodeDecodeError, csv.Error: it has no header that can be read.
    """
    with pa.input_stream(str(file), compression="detect") as stream:
        names, empty = _header(stream.read(_BLOCKS[0]))
    if not names:
        raise TableError(f"{file.name} is empty: its first row must be the names of its columns")

    def pieces(size: int) -> Iterator[Piece]:
        last = 1
        for block in () if empty else _BLOCKS:
            try:
                for piece in following(_csv_pieces(file, names, size, block), last):
                    last = max([*piece.rows[-1:].tolist(), *(row for row, _ in piece.broken[-1:])])
                    yield piece
                return
            except RowTooLong:
                if block == _BLOCKS[-1]:
                    raise

    return Table(names, True, None, pieces, first=2)


def _csv_pieces(file: Path, names: list[str], size: int, block: int) -> Iterator[Piece]:
    broken: list[tuple[int, str]] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        broken.append((row.number, _unlike(row.actual_columns, row.expected_columns)))
        return "skip"

    with pa.input_stream(str(file), compression="detect") as stream:
        with reading(file):
            reader = pa.csv.open_csv(
                stream,
                pa.csv.ReadOptions(use_threads=False, block_size=block),
                pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
            )
        yield from _numbered(even(reader, size, file, broken), broken, reader.schema, size)


@cache
def _unlike(found: int, expected: int) -> str:
    """One text for millions of rows."""
    return f"the row has {found} cells, the header {expected}"


def _header(start: bytes) -> tuple[list[str], bool]:
    """The names in the first row of a CSV file, read as pyarrow reads them, and whether it is all of the file.

    Raises:
        UnicodeDecodeError: it is no UTF-8.
    """
    text = codecs.getincrementaldecoder("utf-8-sig")().decode(start)  # the last character may be cut
    lines = io.StringIO(text, newline="")
    names = next((row for row in csv.reader(lines) if row), [])
    closed = text.count('"') % 2 == 0
    return names, closed and len(start) < _BLOCKS[0] and not lines.read().strip("\r\n")


def _numbered(
    tables: Iterator[pa.Table], broken: list[tuple[int, str]], schema: pa.Schema, size: int
) -> Iterator[Piece]:
    """Rows with their numbers in the file. `broken` grows while tables are read, and ahead of them.

    Each piece begins where the one before ended, so that a later run finds its place whatever the pieces.
    """
    following = 2
    for data in tables:
        if data.num_rows:
            numbers = np.arange(following, following + data.num_rows + len(broken))
            rows = numbers[~np.isin(numbers, [row for row, _ in broken])][: data.num_rows]
            following = int(rows[-1]) + 1
            before = _taken(broken, bisect_left(broken, (following,)))
            yield Piece(rows, data, before)
        while len(broken) >= size and broken[size - 1][0] == following + size - 1:  # no right row is among them
            following += size
            yield Piece(np.empty(0, np.int64), schema.empty_table(), _taken(broken, size))
    while broken:
        yield Piece(np.empty(0, np.int64), schema.empty_table(), _taken(broken, size))


def _taken(items: list[tuple[int, str]], count: int) -> list[tuple[int, str]]:
    taken = items[:count]
    del items[:count]
    return taken
