"""A CSV or Parquet file in pieces of so many rows, in bounded memory."""

import codecs
import csv
import io
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from gpux_predictor.precomputed.errors import TableError

_BLOCKS = (1 << 20, 1 << 24)
"""Bytes of CSV that are parsed at once: the second where a row is longer than the first, which none may be than the second."""


class _RowTooLong(TableError):
    """A row of a CSV does not fit its blocks."""


@dataclass(frozen=True)
class Piece:
    """Some rows of a table.

    Attributes:
        rows: their numbers in the file, int64 [n]; CSV's header is row 1, Parquet's first row is row 1.
        data: pyarrow.Table of n rows; a CSV's columns are strings.
        broken: rows before the last of these that are none, with the reason.
    """

    rows: np.ndarray
    data: pa.Table
    broken: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """A file with its columns.

    Attributes:
        names: the columns, in their order.
        texts: whether all cells are text (CSV).
        count: the rows; None where only reading tells.
        pieces: reads the file from its beginning, in pieces of so many rows; raises TableError.
        first: the number of the first row.
    """

    names: list[str]
    texts: bool
    count: int | None
    pieces: Callable[[int], Iterator[Piece]]
    first: int = 1


def open_table(file: Path) -> Table:
    """A file by its suffix: .csv, .csv.gz or .parquet.

    Raises:
        TableError: it cannot be read, or a column is there twice.
    """
    with _reading(file):
        found = _parquet(file) if file.name.endswith(".parquet") else _csv(file)
    twice = [name for place, name in enumerate(found.names) if name in found.names[:place]]
    if twice:
        raise TableError(f"{file.name} has the column '{twice[0]}' twice: rename one")
    return found


def _parquet(file: Path) -> Table:
    with pa.parquet.ParquetFile(file) as found:
        names, count = found.schema_arrow.names, found.metadata.num_rows

    def pieces(size: int) -> Iterator[Piece]:
        with pa.parquet.ParquetFile(file, buffer_size=_BLOCKS[0], pre_buffer=False) as opened:
            first = 1
            for data in _even(opened.iter_batches(size, use_threads=False), size, file):
                yield Piece(np.arange(first, first + data.num_rows), _in_microseconds(data))
                first += data.num_rows

    return Table(names, False, count, pieces)


def _in_microseconds(data: pa.Table) -> pa.Table:
    """Times of nanoseconds as Python has them, without what is below: with pandas they would be of its types, else an error."""
    kinds = [_microseconds(field.type) for field in data.schema]
    if kinds == data.schema.types:
        return data
    return data.cast(pa.schema(zip(data.column_names, kinds, strict=True)), safe=False)


def _microseconds(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_time64(kind):
        return pa.time64("us")
    return pa.duration("us") if pa.types.is_duration(kind) and kind.unit == "ns" else kind


def following(pieces: Iterator[Piece], row: int) -> Iterator[Piece]:
    """What comes after a row, by its number: a CSV has no other way to its middle than to read what is before."""
    for piece in pieces:
        start = int(np.searchsorted(piece.rows, row, "right"))
        broken = [item for item in piece.broken if item[0] > row]
        if start < len(piece.rows) or broken:
            yield Piece(piece.rows[start:], piece.data.slice(start), broken)


def _csv(file: Path) -> Table:
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
            except _RowTooLong:
                if block == _BLOCKS[-1]:
                    raise

    return Table(names, True, None, pieces, first=2)


def _csv_pieces(file: Path, names: list[str], size: int, block: int) -> Iterator[Piece]:
    broken: list[tuple[int, str]] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        broken.append((row.number, _unlike(row.actual_columns, row.expected_columns)))
        return "skip"

    with pa.input_stream(str(file), compression="detect") as stream:
        with _reading(file):
            reader = pa.csv.open_csv(
                stream,
                pa.csv.ReadOptions(use_threads=False, block_size=block),
                pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
            )
        yield from _numbered(_even(reader, size, file, broken), broken, reader.schema, size)


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


def _even(
    batches: Iterator[pa.RecordBatch], size: int, file: Path, broken: Sequence[object] = ()
) -> Iterator[pa.Table]:
    """The same rows in tables of `size`, the last one shorter, and those before which there are that many broken rows.

    Raises:
        TableError: the file breaks off, or is not what its suffix says.
    """
    held: list[pa.RecordBatch] = []
    rows = 0
    with _reading(file):
        for batch in batches:
            held.append(batch)
            rows += batch.num_rows
            while rows >= size:
                whole = pa.Table.from_batches(held)
                yield whole.slice(0, size)
                held, rows = whole.slice(size).to_batches(), rows - size
            if len(broken) >= size:
                yield pa.Table.from_batches(held, batch.schema)
                held, rows = [], 0
    if rows:
        yield pa.Table.from_batches(held)


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


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Words what goes wrong."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        why = " ".join(str(error).split())[:300]
        if "straddling object" in why:
            raise _RowTooLong(f"{file.name} has a row of more than {_BLOCKS[-1] >> 20} MiB, or a quote that is not closed") from None
        raise TableError(f"{file.name} cannot be read: {why}") from None
