"""The folder of results, as a run finds and holds it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gpux_predictor.precomputed import layout
from gpux_predictor.precomputed.errors import AlreadyRunning, OutputError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for one run; the lock goes with the process, however it ends.

    Raises:
        AlreadyRunning: another run holds it.
        OutputError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(folder / layout.LOCK, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise OutputError(
            f"{folder} cannot be written: {error}: choose --output, or give this user the right"
        ) from None
    try:
        database.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        database.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise AlreadyRunning(f"another run writes to {folder}: wait for it") from None
        raise OutputError(
            f"{folder} cannot be written: {error}: choose --output, or give this user the right"
        ) from None
    try:
        yield
    finally:
        database.close()


def remove_other_parts(folder: Path, key: str) -> None:
    """Removes what is left of runs that nobody can go on with: of another table, model or manifest."""
    for entry in folder.glob(f"{layout.PART}*"):
        if not entry.name.startswith(f"{layout.PART}{key}"):
            entry.unlink(missing_ok=True)
