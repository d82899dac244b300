"""A CSV or Parquet file in pieces of so many rows, in bounded memory."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from gpux_predictor.precomputed.errors import TableError

_BLOCK_BYTES = 1 << 20
"""Of CSV that is parsed at once; the longest row."""


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
    """

    names: list[str]
    texts: bool
    count: int | None
    pieces: Callable[[int], Iterator[Piece]]


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
        with pa.parquet.ParquetFile(file, buffer_size=_BLOCK_BYTES, pre_buffer=False) as opened:
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


def _csv(file: Path) -> Table:
    with pa.input_stream(str(file), compression="detect") as stream:
        names = _header(stream.read(_BLOCK_BYTES))
    if not names:
        raise TableError(f"{file.name} is empty: its first row must be the names of its columns")

    def pieces(size: int) -> Iterator[Piece]:
        broken: list[tuple[int, str]] = []

        def skip(row: pyarrow.csv.InvalidRow) -> str:
            broken.append((row.number, f"the row has {row.actual_columns} cells, the header {row.expected_columns}"))
            return "skip"

        with pa.input_stream(str(file), compression="detect") as stream:
            with _reading(file):
                reader = pa.csv.open_csv(
                    stream,
                    pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
                    pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                    pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
                )
            yield from _numbered(_even(reader, size, file), broken, reader.schema)

    return Table(names, True, None, pieces)


def _header(start: bytes) -> list[str]:
    """The names in the first row of a CSV file, read as pyarrow reads them; raises UnicodeDecodeError."""
    text = codecs.getincrementaldecoder("utf-8-sig")().decode(start)  # the last character may be cut
    return next((row for row in csv.reader(io.StringIO(text, newline="")) if row), [])


def _even(batches: Iterator[pa.RecordBatch], size: int, file: Path) -> Iterator[pa.Table]:
    """The same rows in tables of `size`, the last one shorter.

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
    if rows:
        yield pa.Table.from_batches(held)


def _numbered(tables: Iterator[pa.Table], broken: list[tuple[int, str]], schema: pa.Schema) -> Iterator[Piece]:
    """Rows with their numbers in the file. `broken` grows while tables are read, and ahead of them."""
    following = 2
    for data in tables:
        span = data.num_rows + len(broken)
        numbers = np.arange(following, following + span)
        rows = numbers[~np.isin(numbers, [row for row, _ in broken])][: data.num_rows]
        following = int(rows[-1]) + 1
        before = [item for item in broken if item[0] < following]
        del broken[: len(before)]
        yield Piece(rows, data, before)
    if broken:
        yield Piece(np.empty(0, np.int64), schema.empty_table(), broken)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Words what goes wrong."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        why = " ".join(str(error).split())[:300]
        raise TableError(f"{file.name} cannot be read: {why}") from None
