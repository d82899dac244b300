"""A table in pieces of so many rows, in bounded memory, whatever its format."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from gpux_predictor.precomputed.errors import TableError

LONGEST_ROW_BYTES = 1 << 24
"""Of a CSV."""


class RowTooLong(TableError):
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


def following(pieces: Iterator[Piece], row: int) -> Iterator[Piece]:
    """What comes after a row, by its number: a CSV has no other way to its middle than to read what is before."""
    for piece in pieces:
        start = int(np.searchsorted(piece.rows, row, "right"))
        broken = [item for item in piece.broken if item[0] > row]
        if start < len(piece.rows) or broken:
            yield Piece(piece.rows[start:], piece.data.slice(start), broken)


def version_of(file: Path) -> tuple[int, int, int]:
    """What tells a file from what is written into it, or put in its place."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def same_file(pieces: Iterator[Piece], file: Path, version: tuple[int, int, int]) -> Iterator[Piece]:
    """The pieces, as long as they are of the file whose digest the result has. One that another replaces can be read to its end.

    Raises:
        TableError: the file changed under the run, or before it was opened.
    """
    for place, piece in enumerate(pieces):
        found = version_of(file)
        if found != version and (place == 0 or found[0] == version[0]):
            raise TableError(
                f"{file.name} was written while it was read: run again, and put new tables in place by renaming them"
            )
        yield piece


def even(batches: Iterator[pa.RecordBatch], size: int, file: Path, broken: Sequence[object] = ()) -> Iterator[pa.Table]:
    """The same rows in tables of `size`, the last one shorter, and those before which there are that many broken rows.

    Raises:
        TableError: the file breaks off, or is not what its suffix says.
    """
    held: list[pa.RecordBatch] = []
    rows = 0
    with reading(file):
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


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Words what goes wrong."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        why = " ".join(str(error).split())[:300]
        if "straddling object" in why:
            raise RowTooLong(
                f"{file.name} has a row of more than {LONGEST_ROW_BYTES >> 20} MiB, or a quote that is not closed"
            ) from None
        raise TableError(f"{file.name} cannot be read: {why}") from None
