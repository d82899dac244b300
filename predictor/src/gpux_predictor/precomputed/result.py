"""One result, read: a look-up is a walk down an index, whatever the table's size."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from gpux_predictor.precomputed import layout, zones
from gpux_predictor.precomputed.errors import OutputError

_CACHE_KIB = 4096


@dataclass(frozen=True)
class Found:
    """What a result says of an entity: its answer as JSON, or why there is none."""

    answer: bytes | None
    problem: str | None


@dataclass(frozen=True)
class Page:
    """A part of the upcoming list: entries as JSON, and the entity after which the rest comes (None: this is the end)."""

    entries: list[bytes]
    after: str | None


class Result:
    """A result that is open; for one thread at a time.

    Args:
        file: the SQLite file. It never changes, so no lock is taken, and a read-only volume will do.

    Attributes:
        finished: when it was made, in seconds since the epoch.
        rows, failed: rows of its table, and those without a prediction.

    Raises:
        OutputError: it cannot be read, or is of another format.
    """

    def __init__(self, file: Path) -> None:
        uri = f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1"
        try:
            self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            meta = dict(self._database.execute("SELECT key, value FROM meta"))
        except sqlite3.Error as error:
            raise OutputError(f"the result {file} cannot be read: {error}") from None
        if meta.get("format") != layout.FORMAT:
            raise OutputError(
                f"the result {file} has the format {meta.get('format')}; this release reads {layout.FORMAT}"
            )
        self.finished: float = meta["finished"]
        self.rows: int = meta["rows"]
        self.failed: int = meta["failed"]
        self._dates = bool(meta["dates"])
        self._zone: str = meta["time_zone"]

    @classmethod
    def newest(cls, folder: Path, name: str) -> Self:
        """The result of that name; raises OutputError as above, or for a name that leads out of the folder."""
        if layout.RESULT.fullmatch(name) is None:
            raise OutputError(f"{folder / layout.POINTER} names no result: {name!r}")
        return cls(folder / name)

    def find(self, entity: str) -> Found | None:
        """What there is of an entity; None if the table does not have it."""
        row = self._database.execute("SELECT answer, problem FROM entities WHERE entity = ?", (entity,)).fetchone()
        return None if row is None else Found(*row)

    def upcoming(self, limit: int, after: str | None) -> Page | None:
        """Entities in the table's order; where it has dates, those of today and later in theirs.

        Args:
            limit: the most entries.
            after: the entity after which to begin.

        Returns:
            None if the table does not have `after`.
        """
        day, row = (zones.today(self._zone).isoformat() if self._dates else ""), 0
        if after is not None:
            found = self._database.execute(
                "SELECT coalesce(day, ''), row FROM entities WHERE entity = ?", (after,)
            ).fetchone()
            if found is None:
                return None
            day, row = max(found, (day, 0)) if self._dates else ("", found[1])
        where = "(day, row) > (?1, ?2) ORDER BY day, row" if self._dates else "row > ?2 AND ?1 = '' ORDER BY row"
        query = f"SELECT listed, entity FROM entities WHERE {where} LIMIT ?3"  # noqa: S608  (two constants)
        rows = self._database.execute(query, (day, row, limit + 1)).fetchall()
        return Page([listed for listed, _ in rows[:limit]], rows[limit - 1][1] if len(rows) > limit else None)

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()
