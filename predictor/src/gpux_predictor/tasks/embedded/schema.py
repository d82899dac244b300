"""The file: one row a task; bodies and results apart, so that a change of state rewrites neither.

A column that came later is added to files that are there, may be NULL, and leaves the version as it is: the release before reads and
writes such a file too, since its statements name their columns.
"""

import sqlite3
from pathlib import Path

from gpux_predictor.tasks.ids import new_key

FILE = "tasks.sqlite3"
_VERSION = 1
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE tasks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  type TEXT NOT NULL,
  size INTEGER NOT NULL,
  submitted REAL NOT NULL,
  started REAL,
  ended REAL,
  error TEXT,
  worker TEXT,
  lease REAL,
  expires REAL,
  key TEXT UNIQUE,
  digest BLOB,
  callback TEXT,
  callback_state TEXT,
  callback_attempts INTEGER NOT NULL DEFAULT 0,
  callback_next REAL,
  callback_error TEXT
);
CREATE INDEX queued ON tasks (seq) WHERE state = 'queued';
CREATE INDEX running ON tasks (lease) WHERE state = 'running';
CREATE INDEX expiring ON tasks (expires) WHERE expires IS NOT NULL;
CREATE INDEX callbacks ON tasks (callback_next) WHERE callback_state = 'pending';
CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE results (seq INTEGER PRIMARY KEY, result BLOB NOT NULL);
"""
_LATER = {"trace": "TEXT", "telling": "INTEGER"}
"""Columns of `tasks` that the first release did not have; `telling` is the attempt of a notice that is under way."""


def connect(folder: Path, *, writes: bool) -> sqlite3.Connection:
    """A connection to the file, for one thread at a time; transactions are begun by hand.

    A commit is on the disk when it returns (synchronous FULL): what was accepted outlives the machine's power.

    Raises:
        sqlite3.Error: the file cannot be opened, or is not ours.
    """
    found = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False, timeout=10)
    if writes:
        found.execute("PRAGMA auto_vacuum = INCREMENTAL")
        found.execute("PRAGMA journal_mode = WAL")
        found.execute("PRAGMA synchronous = FULL")
        found.execute("PRAGMA journal_size_limit = 67108864")
        _make(found)
    return found


def id_key(connection: sqlite3.Connection) -> bytes:
    """The secret by which the store knows its ids."""
    [key] = connection.execute("SELECT value FROM meta WHERE name = 'id_key'").fetchone()
    return bytes(key)


def _make(connection: sqlite3.Connection) -> None:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version == _VERSION:
        _add_columns(connection)
        return
    if version:
        raise sqlite3.DatabaseError(f"the tasks were written by another release (version {version}, not {_VERSION})")
    key = f"INSERT INTO meta VALUES ('id_key', X'{new_key().hex()}');"  # noqa: S608  (ours, in hexadecimal)
    connection.executescript(f"BEGIN; {_TABLES} {key} PRAGMA user_version = {_VERSION}; COMMIT;")
    _add_columns(connection)


def _add_columns(connection: sqlite3.Connection) -> None:
    there = {row[1] for row in connection.execute("PRAGMA table_info(tasks)")}
    for name, kind in _LATER.items():
        if name not in there:
            connection.execute(f"ALTER TABLE tasks ADD COLUMN {name} {kind}")
