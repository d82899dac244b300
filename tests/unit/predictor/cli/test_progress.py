"""What goes on meanwhile is for a terminal's eyes, in one line that is written over; no pipe and no file gets a byte of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

import batchtables
import onnxmodels
from terminal import BIN, COLOURS, shown

ROWS = 12_000
PROGRAM = "gpux-predictor"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> batchtables.Case:
    folder = tmp_path_factory.mktemp("table")
    onnxmodels.classifier(folder / "model.onnx")
    tabular = {"entityKey": "match_id", "features": ["a", "b"]}
    made = batchtables.write(folder, preprocessing={"tabular": tabular}, batch=batchtables.batch())
    made.table(*(f"{i},team,2026-04-01,{i / 7:.4f},1" for i in range(ROWS)))
    columns: dict[str, Any] = {"match_id": [*range(ROWS)], "match_date": ["2026-04-01"] * ROWS}
    columns |= {"a": [1.0] * ROWS, "b": [2.0] * ROWS}
    pa.parquet.write_table(pa.table(columns), folder / "matches.parquet")
    return made


def test_a_bar_of_a_table_whose_length_is_known(case: batchtables.Case) -> None:
    table = ("--entities", case.folder / "matches.parquet", "--rows-per-piece", "3000")
    done = shown(PROGRAM, "batch", case.manifest, *table, NO_COLOR="1")
    bar, summary, result = done.rests
    assert bar.startswith("100%|█")
    assert "12.0k/12.0k" in bar
    assert bar.endswith(" rows/s, failed=0]")
    assert done.terminal.count("\r") > len(done.rests) + 1, "it moved"
    assert "\x1b" not in done.terminal
    assert (summary, Path(result).parent, done.code) == (f"{ROWS} rows", case.results, 0)


def test_a_count_of_one_whose_length_is_not_beside_json_in_a_pipe(case: batchtables.Case) -> None:
    done = shown(PROGRAM, "batch", case.manifest, "--json", piped=True)
    [count] = done.rests
    assert count.startswith("12.0k rows [")
    assert json.loads(done.stdout)["rows"] == ROWS


def test_what_is_loaded_is_said_and_taken_back(case: batchtables.Case) -> None:
    for colour in ({}, {"NO_COLOR": "1"}):
        done = shown(PROGRAM, "check", case.manifest, "-o", "json", piped=True, **colour)
        assert "\r\x1b[Kloading file://model.onnx\r" in done.terminal
        assert done.rests == [""]
        assert not COLOURS.search(done.terminal)
        assert json.loads(done.stdout)["ready"] is True


def test_a_terminal_that_cannot_take_it_back_is_not_shown_it(case: batchtables.Case) -> None:
    done = shown(PROGRAM, "check", case.manifest, piped=True, TERM="dumb")
    assert done.terminal == ""


@pytest.mark.parametrize("command", ["check", "batch"])
def test_no_pipe_gets_a_byte_of_it(case: batchtables.Case, command: str) -> None:
    asked = [str(BIN / PROGRAM), command, str(case.manifest)]
    done = subprocess.run(asked, capture_output=True, check=True)
    assert done.stdout
    assert not {*b"\r\x1b"} & {*done.stdout, *done.stderr}
