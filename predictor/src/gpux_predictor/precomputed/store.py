"""The result that a run writes: a SQLite file that grows by a transaction a piece, and so survives any kill.

What is in the file after a transaction, the count of the rows that it came from among it, is all that a later run needs to go on.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from gpux_predictor.precomputed import layout
from gpux_predictor.precomputed.errors import OutputError

_CACHE_KIB = 65536


class Entry(NamedTuple):
    """A row of the table: what look-ups and the list say of it."""

    row: int
    entity: str
    day: str | None
    listed: bytes
    answer: bytes | None
    problem: str | None


class Problem(NamedTuple):
    """A row without a prediction."""

    row: int
    entity: str | None
    reason: str


@dataclass
class Progress:
    """How far a run is: rows read, those without a prediction, pieces done."""

    rows: int = 0
    failed: int = 0
    pieces: int = 0


class Store:
    """A result in the making, of one run; the folder is locked while it is open.

    Args:
        file: where it grows.
        key: what it is made from, in hexadecimal.

    Attributes:
        progress: what the file holds.
        key: as given.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, file: Path, key: str) -> None:
        self._file = file
        self.key = key
        try:
            self.progress = self._open(key)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                self.close()
                raise OutputError(f"{file} cannot be used: {error}: give it room and this user the right") from None
            self.discard()  # a power failure on a disk that lies; nothing is lost but time
            self.progress = self._open(key)

    def _open(self, key: str) -> Progress:
        self._database = sqlite3.connect(self._file, isolation_level=None)
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        with self._transaction():
            if not self._database.execute("SELECT name FROM sqlite_master").fetchone():
                for statement in filter(str.strip, layout.SCHEMA.split(";")):
                    self._database.execute(statement)
                self.describe(format=layout.FORMAT, key=key, rows=0, failed=0, pieces=0)
        meta = dict(self._database.execute("SELECT key, value FROM meta"))
        return Progress(meta["rows"], meta["failed"], meta["pieces"])

    def describe(self, **values: object) -> None:
        """Puts values into `meta`."""
        self._database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def add(self, entries: Sequence[Entry], problems: Sequence[Problem], rows: int) -> None:
        """Adds a piece, as a whole or not at all. Of rows with one entity the first stands; the others are problems.

        Args:
            entries: in the order of their rows.
            problems: rows of the piece without a prediction.
            rows: all rows of the piece.
        """
        progress = self.progress
        with self._transaction():
            cursor = self._database.executemany("INSERT OR IGNORE INTO entities VALUES (?, ?, ?, ?, ?, ?)", entries)
            if cursor.rowcount not in {len(entries), -1}:
                problems = [*problems, *self._repeated(entries)]
            failed = len({problem.row for problem in problems})
            room = layout.MOST_PROBLEMS - self._database.execute("SELECT count(*) FROM problems").fetchone()[0]
            self._database.executemany(
                "INSERT OR IGNORE INTO problems VALUES (?, ?, ?)", sorted(problems)[: max(room, 0)]
            )
            found = Progress(progress.rows + rows, progress.failed + failed, progress.pieces + 1)
            self.describe(rows=found.rows, failed=found.failed, pieces=found.pieces)
        self.progress = found

    def publish(self, name: str, **meta: object) -> str:
        """Completes the file, and makes it the result that look-ups read.

        Args:
            name: of the result, without its suffix.
            meta: what look-ups need to know.

        Returns:
            The file's name.
        """
        with self._transaction():
            self.describe(**meta)
            if meta.get("dates"):
                self._database.execute(layout.BY_DAY)
            columns = ("row", "entity", "reason")
            problems = [
                dict(zip(columns, row, strict=True)) for row in self._database.execute("SELECT * FROM problems")
            ]
        self.close()
        folder = self._file.parent
        if problems:
            layout.replace(folder / f"{name}.errors.jsonl", b"".join(orjson.dumps(p) + b"\n" for p in problems))
        self._file.replace(folder / f"{name}.sqlite")
        layout.sync_folder(folder)
        layout.point(folder, f"{name}.sqlite")
        return f"{name}.sqlite"

    def first_problem(self) -> str:
        """The first row without a prediction, and why; empty if there is none."""
        found = self._database.execute("SELECT row, reason FROM problems ORDER BY row LIMIT 1").fetchone()
        return f"row {found[0]}: {found[1]}" if found else ""

    def close(self) -> None:
        """Leaves the file for a later run."""
        self._database.close()

    def discard(self) -> None:
        """Removes the file: a later run begins anew."""
        with suppress(sqlite3.Error):
            self._database.close()
        for suffix in ("", "-journal", "-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)

    def _repeated(self, entries: Sequence[Entry]) -> Iterator[Problem]:
        """The entries that were not taken, and which row has their entity."""
        first, last = entries[0].row, entries[-1].row
        taken = {
            row
            for (row,) in self._database.execute("SELECT row FROM entities WHERE row BETWEEN ? AND ?", (first, last))
        }
        for entry in entries:
            if entry.row not in taken:
                [row] = self._database.execute("SELECT row FROM entities WHERE entity = ?", (entry.entity,)).fetchone()
                yield Problem(entry.row, entry.entity, f"row {row} has the same entity key, and stands")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
