"""A CSV or Parquet file in pieces."""

from pathlib import Path

from gpux_predictor.precomputed.csv_table import open_csv
from gpux_predictor.precomputed.errors import TableError
from gpux_predictor.precomputed.parquet_table import open_parquet
from gpux_predictor.precomputed.pieces import Table, reading


def open_table(file: Path) -> Table:
    """A file by its suffix: .csv, .csv.gz or .parquet.

    Raises:
        TableError: it cannot be read, or a column is there twice.
    """
    with reading(file):
        found = open_parquet(file) if file.name.endswith(".parquet") else open_csv(file)
    twice = [name for place, name in enumerate(found.names) if name in found.names[:place]]
    if twice:
        raise TableError(f"{file.name} has the column '{twice[0]}' twice: rename one")
    return found
