"""Parquet: columns with types, of which some are made Python's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from gpux_predictor.precomputed.pieces import Piece, Table, even

_BUFFER_BYTES = 1 << 20


def open_parquet(file: Path) -> Table:
    """A file; raises what pyarrow does where it is none."""
    with pa.parquet.ParquetFile(file) as found:
        names, count = found.schema_arrow.names, found.metadata.num_rows

    def pieces(size: int) -> Iterator[Piece]:
        with pa.parquet.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False) as opened:
            first = 1
            for data in even(opened.iter_batches(size, use_threads=False), size, file):
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
