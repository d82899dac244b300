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
from batchtables import classifier
from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.precomputed import job
from gpux_predictor.precomputed.columns import Choice
from gpux_predictor.precomputed.errors import TableError
from gpux_predictor.serving.loading import Origin

MakeModel = Callable[..., GpuxModel]
TABULAR = {"preprocessing": {"tabular": {"entityKey": "id", "features": ["a", "b"]}}}
BROKEN = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0])), pa.py_buffer(b"\xff")])


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
    pa.parquet.write_table(pa.table({"id": [1, 2, 3], "a": numbers, "b": numbers, "words": words}), tmp_path / "t.parquet")
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
