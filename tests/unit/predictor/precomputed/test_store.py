"""The result in the making: a piece is in it as a whole or not at all."""

import sqlite3
from pathlib import Path

import pytest

from gpux_predictor.precomputed import layout
from gpux_predictor.precomputed.errors import AlreadyRunning, OutputError
from gpux_predictor.precomputed.folder import locked
from gpux_predictor.precomputed.result import Result
from gpux_predictor.precomputed.store import Entry, Problem, Store

META = {"finished": 1.0, "dates": 0, "time_zone": "Etc/UTC"}


def entry(row: int, entity: str) -> Entry:
    return Entry(row, entity, None, b"{}", b"[1]", None)


def test_a_piece_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / ".part-k.sqlite", "k")
    store.add([entry(1, "a")], [], 1)
    with pytest.raises(sqlite3.ProgrammingError):
        store.add([entry(2, "e")], [Problem(3, None, object())], 2)  # type: ignore[arg-type]
    store.close()
    again = Store(tmp_path / ".part-k.sqlite", "k")
    assert (again.progress.rows, again.progress.pieces, again.progress.failed) == (1, 1, 0)
    name = again.publish("20300101T000000Z-00000000", **META)
    with_it = Result(tmp_path / name)
    assert (with_it.find("a") is not None, with_it.find("e")) == (True, None)
    with_it.close()


def test_the_list_of_problems_is_bounded_and_their_count_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path / ".part-k.sqlite", "k")
    for start in (0, 800):
        store.add([], [Problem(start + row, None, "why") for row in range(800)], 800)
    assert store.progress.failed == 1600
    store.publish("20300101T000000Z-00000000", **META)
    errors = (tmp_path / "20300101T000000Z-00000000.errors.jsonl").read_text()
    assert len(errors.splitlines()) == layout.MOST_PROBLEMS


def test_a_part_that_is_no_database_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / ".part-k.sqlite").write_bytes(b"garbage" * 1000)
    store = Store(tmp_path / ".part-k.sqlite", "k")
    assert store.progress.rows == 0
    store.close()


def test_a_folder_has_one_run(tmp_path: Path) -> None:
    with locked(tmp_path / "new" / "folder"), pytest.raises(AlreadyRunning), locked(tmp_path / "new" / "folder"):
        pass
    with locked(tmp_path / "new" / "folder"):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"file/results cannot be written: .*: choose --output"),
        locked(tmp_path / "file" / "results"),
    ):
        pass


def test_another_format_is_not_read(tmp_path: Path) -> None:
    store = Store(tmp_path / ".part-k.sqlite", "k")
    name = store.publish("20300101T000000Z-00000000", **META, format=99)
    with pytest.raises(OutputError, match="has the format 99; this release reads 1"):
        Result(tmp_path / name)
    with pytest.raises(OutputError, match="names no result"):
        Result.newest(tmp_path, "../x.sqlite")


def test_a_part_that_cannot_be_written_is_not_thrown_away(tmp_path: Path) -> None:
    store = Store(tmp_path / ".part-k.sqlite", "k")
    store.add([entry(1, "a")], [], 1)
    store.close()
    holder = sqlite3.connect(tmp_path / ".part-k.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OutputError, match=r"\.part-k\.sqlite cannot be used: database is locked: give it room"):
        Store(tmp_path / ".part-k.sqlite", "k")
    holder.close()
    again = Store(tmp_path / ".part-k.sqlite", "k")
    assert again.progress.rows == 1
    again.close()
