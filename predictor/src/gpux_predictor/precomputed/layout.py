"""The folder of the results: their names, the pointer to the newest, and the tables of a result.

latest.json                              which result look-ups read; replaced as a whole
20261126T050012Z-1f0c2a9b.sqlite         a result; never written again
20261126T050012Z-1f0c2a9b.errors.jsonl   its first failed rows, if there are any
.part-<key>.sqlite                       a run that is not finished
.lock                                    held by the run that writes
"""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import orjson

FORMAT = 1
"""Of the pointer and of a result; readers refuse others."""
POINTER, LOCK, PART = "latest.json", ".lock", ".part-"
RESULT = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\.(?:sqlite|errors\.jsonl)")
MOST_PROBLEMS = 1000
"""Failed rows that are listed; all are counted, and a look-up tells of any."""
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID;
CREATE TABLE entities (
    row INTEGER PRIMARY KEY, entity TEXT NOT NULL UNIQUE, day TEXT, listed BLOB NOT NULL, answer BLOB, problem TEXT
);
CREATE TABLE problems (row INTEGER PRIMARY KEY, entity TEXT, reason TEXT NOT NULL);
"""
"""Of a result: an entity has an answer (JSON, as it is given) or a problem; `listed` is its entry in the upcoming list (JSON), `day`
the date (ISO 8601) of its date column."""
BY_DAY = "CREATE INDEX by_day ON entities (day, row)"
"""Where the table has dates."""


def name(finished: datetime, key: str) -> str:
    """A result's name without its suffix."""
    return f"{finished.astimezone(UTC):%Y%m%dT%H%M%SZ}-{key[:8]}"


def replace(file: Path, content: bytes) -> None:
    """Writes a file so that it is there as a whole or not at all, also after a power failure."""
    part = file.with_name(f".{file.name}.new")
    with part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames in a folder outlast a power failure."""
    if os.name == "nt":  # a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def point(folder: Path, result: str) -> None:
    """Makes a result the one that look-ups read."""
    replace(folder / POINTER, orjson.dumps({"format": FORMAT, "result": result}))


def tidy(folder: Path, current: str, keep: int) -> None:
    """Removes all but the newest results; the current one and its errors always stay."""
    found = [(entry.name.partition(".")[0], entry) for entry in folder.iterdir() if RESULT.fullmatch(entry.name)]
    kept = {current.partition(".")[0], *sorted({name for name, _ in found})[-keep:]}
    for name, entry in found:
        if name not in kept:
            entry.unlink(missing_ok=True)
