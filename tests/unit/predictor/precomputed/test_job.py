"""Whole runs in this process: cells of any kind, and what a later run may go on with."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

import onnxmodels
from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.engine import source
from gpux_predictor.precomputed import job
from gpux_predictor.precomputed.columns import Choice
from gpux_predictor.precomputed.errors import TableError
from gpux_predictor.precomputed.store import Progress
from gpux_predictor.serving.loading import Origin
from onnxmodels import classifier

MakeModel = Callable[..., GpuxModel]
TABULAR = {"preprocessing": {"tabular": {"entityKey": "id", "features": ["a", "b"]}}}
BROKEN = pa.Array.from_buffers(
    pa.string(), 1, [None, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0])), pa.py_buffer(b"\xff")]
)


def order(file: Path, **changed: Any) -> job.Order:
    return replace(job.Order(str(file), str(file.parent / "results"), Choice(None, None)), **changed)


def rows(done: job.Done, columns: str = "entity, listed, problem") -> list[Any]:
    with sqlite3.connect(done.result) as database:
        return database.execute(f"SELECT {columns} FROM entities ORDER BY row").fetchall()


def test_one_odd_cell_is_one_cell(tmp_path: Path, make_model: MakeModel) -> None:
    classifier(tmp_path / "model.onnx")
    text = pa.chunked_array([BROKEN, pa.array(["x", "y", "z"])])
    table = {
        "id": pa.array([1.0, float("inf"), 2.0**64, None]),
        "a": pa.array([1.0, 1, 1, 1]),
        "b": pa.array([1, 2, 3, 4]),
        "said": text,
        "day": pa.array([0, 10**7, 0, 0], pa.date32()),
        "raw": pa.array([b"a"] * 4, pa.binary(1)),
    }
    pa.parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    done = job.run(make_model(**TABULAR), Origin(tmp_path), order(tmp_path / "t.parquet", choice=Choice(None, "day")))
    assert [(entity, json.loads(listed), problem) for entity, listed, problem in rows(done)] == [
        ("1", {"id": 1, "said": None, "day": "1970-01-01"}, None),
        (str(2.0**64), {"id": 2.0**64, "said": "y", "day": "1970-01-01"}, None),
    ]
    assert done.errors is not None
    assert [json.loads(line)["reason"] for line in done.errors.read_text().splitlines()] == [
        "the entity key 'id' has no place in JSON: an infinity, text that is no UTF-8, or a day beyond the year 9999",
        "the entity key 'id' is empty",
    ]


def test_an_input_that_cannot_be_read_is_a_row_that_failed(tmp_path: Path, make_model: MakeModel) -> None:
    onnxmodels.several(tmp_path / "model.onnx")
    numbers = pa.array([[1.0, 2, 3]] * 3)
    words = pa.chunked_array([BROKEN, pa.array(["x", "y"])])
    pa.parquet.write_table(
        pa.table({"id": [1, 2, 3], "a": numbers, "b": numbers, "words": words}), tmp_path / "t.parquet"
    )
    done = job.run(make_model(), Origin(tmp_path), order(tmp_path / "t.parquet", choice=Choice("id", None)))
    assert [(entity, problem is None) for entity, _, problem in rows(done)] == [("1", False), ("2", True), ("3", True)]


def test_a_key_of_bytes_is_told(tmp_path: Path, make_model: MakeModel) -> None:
    classifier(tmp_path / "model.onnx")
    pa.parquet.write_table(pa.table({"id": [b"1"], "a": [1], "b": [1]}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match="the entity key 'id' is a binary: make it text or a number"):
        job.run(make_model(**TABULAR), Origin(tmp_path), order(tmp_path / "t.parquet"))


def test_a_row_s_day_is_that_of_the_time_zone(tmp_path: Path, make_model: MakeModel) -> None:
    classifier(tmp_path / "model.onnx")
    (tmp_path / "t.csv").write_text("id,a,b,at\n1,1,1,2026-04-25T23:30:00Z\n")
    found = order(tmp_path / "t.csv", choice=Choice(None, "at"), time_zone="Europe/London")
    assert rows(job.run(make_model(**TABULAR), Origin(tmp_path), found), "day") == [("2026-04-26",)]


@pytest.mark.parametrize("changed", ["axis", "release", "zone", "nothing"])
def test_what_a_run_goes_on_with(
    tmp_path: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    classifier(tmp_path / "model.onnx")
    (tmp_path / "t.csv").write_text("id,a,b\n" + "".join(f"{i},1,{i}\n" for i in range(30)))
    made = order(tmp_path / "t.csv", rows_per_piece=10)

    def stop(progress: Progress, _: int | None) -> None:
        if progress.pieces == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(make_model(**TABULAR), Origin(tmp_path), made, stop)
    spec = TABULAR | ({"runtime": {"batching": {"batchAxis": "none"}}} if changed == "axis" else {})
    if changed == "release":
        monkeypatch.setattr("gpux_predictor.precomputed.job.metadata.version", lambda _: "99")
    made = replace(made, time_zone="Europe/London") if changed == "zone" else made
    done = job.run(make_model(**spec), Origin(tmp_path), made)
    assert (done.rows, done.resumed) == (30, 20 if changed == "nothing" else 0)


@pytest.mark.parametrize("how", ["in place", "renamed"])
def test_a_table_that_changes_under_the_run(tmp_path: Path, make_model: MakeModel, how: str) -> None:
    classifier(tmp_path / "model.onnx")
    file = tmp_path / "t.csv"
    text = "id,a,b\n" + "".join(f"{i},1,{i}\n" for i in range(200_000))
    file.write_text(text)

    def change(progress: Progress, _: int | None) -> None:
        if progress.pieces == 1:
            (other := tmp_path / "other.csv").write_text(text.replace(",1,", ",2,"))
            other.rename(file) if how == "renamed" else file.write_bytes(other.read_bytes())

    def go() -> job.Done:
        return job.run(make_model(**TABULAR), Origin(tmp_path), order(file, rows_per_piece=50_000), change)

    if how == "renamed":
        assert go().rows == 200_000, "what was opened is still there"
    else:
        with pytest.raises(TableError, match=r"t\.csv was written while it was read: run again"):
            go()
        assert not (tmp_path / "results" / "latest.json").exists()


def test_a_table_that_is_replaced_between_its_digest_and_its_reading(
    tmp_path: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier(tmp_path / "model.onnx")
    (file := tmp_path / "t.csv").write_text("id,a,b\n1,1,1\n")
    (other := tmp_path / "other.csv").write_text("id,a,b\n2,1,1\n")
    digest = source.digest

    def then_replaced(path: Path) -> str:
        found = digest(path)
        other.rename(path)
        return found

    monkeypatch.setattr(
        "gpux_predictor.precomputed.job.source.digest", lambda p: then_replaced(p) if p == file else digest(p)
    )
    with pytest.raises(TableError, match="was written while it was read"):
        job.run(make_model(**TABULAR), Origin(tmp_path), order(file))
