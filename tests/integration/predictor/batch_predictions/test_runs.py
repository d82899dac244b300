"""`gpux-predictor batch`: rows that are wrong, kills, other tables, two at once, and a million rows."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from batchtables import Case, batch, killed_midway, write
from gpux_api.manifests import load
from gpux_api.projection import serving_manifest
from onnxmodels import several
from predictorserver import PROGRAM, serve
from testcluster.waiting import SOON, eventually

ROWS = [f"{i},team {i},2026-04-{1 + i % 28:02},{i / 7:.4f},{i % 5}" for i in range(1, 30_001)]


def contents(result: str) -> list[Any]:
    with sqlite3.connect(result) as database:
        return [*database.execute("SELECT * FROM entities"), *database.execute("SELECT * FROM problems")]


def test_the_answers_are_those_of_predict(case: Case) -> None:
    case.table(*ROWS[:50], "x/y ä,team,2026-04-01,1e3,", "042,team,,-7.5,0")
    found = case.run()
    assert (found["rows"], found["failed"], found["errors"]) == (52, 0, None)
    with serve(case.manifest) as server:
        for key, a, b in ((1, 0.1429, 1), (7, 1.0, 2), ("x/y ä", 1000.0, None), ("042", -7.5, 0)):
            body = {"match_id": key, "features": {"a": a, "b": b}}
            stored = server.http.get(f"/predict/batch/{str(key).replace('/', '%2F')}")
            assert stored.content == server.http.post("/predict", json=body).content
        assert server.http.get("/predict/batch/42").json()["match_id"] == 42


def test_rows_that_are_wrong_are_reported_and_passed_over(case: Case) -> None:
    case.table("1,team,,1,2", "2,team,,x,2", "3,team,,,2", "4,team", ",team,,1,2", "1,again,,1,2", "5,team,,1e300,2")
    found = case.run()
    lines = [json.loads(line) for line in Path(found["errors"]).read_text().splitlines()]
    assert (found["rows"], found["failed"]) == (7, 6)
    assert [(line["row"], line["entity"], line["reason"]) for line in lines] == [
        (3, "2", "Invalid feature type for 'a': expected number"),
        (4, "3", "Missing required feature: 'a'"),
        (5, None, "the row has 2 cells, the header 5"),
        (6, None, "the entity key 'match_id' is empty"),
        (7, "1", "row 2 has the same entity key, and stands"),
        (8, "5", "Invalid feature value for 'a': 1e+300 is out of range for float32"),
    ]


def test_where_every_row_fails_the_result_stays(case: Case) -> None:
    case.table(*ROWS[:3])
    case.run()
    before = (case.results / "latest.json").read_text()
    case.table("1,team,,x,2")
    assert "none of 1 rows could be predicted: row 2: Invalid feature type" in case.run(code=3)["error"]
    assert (case.results / "latest.json").read_text() == before
    assert not list(case.results.glob(".part-*")), "the next run is to try again"


@pytest.mark.parametrize(
    ("rows", "header", "error"),
    [
        (["1"], "id\n", "the table has no column for the feature 'a', which has no default; it has 'id'"),
        (["1,2"], "id,a\n", "the table has no column 'match_id'; it has 'id', 'a'"),
        (["1,2,3"], "match_id,a,a\n", "has the column 'a' twice"),
        ([], "", "matches.csv is empty: its first row must be the names of its columns"),
    ],
)
def test_a_table_that_cannot_be_used(case: Case, rows: list[str], header: str, error: str) -> None:
    case.table(*rows, header=header)
    assert error in case.run(code=1)["error"]


def test_a_table_that_is_not_there(case: Case) -> None:
    assert "matches.csv is not there: check spec.batch.entities.uri" in case.run(code=1)["error"]


def test_a_killed_run_goes_on_and_gives_the_same(case: Case) -> None:
    case.table(*ROWS[:9000], "9001,x,y", *ROWS[9001:], "1,again,,1,1", ",none,,1,1")
    small = ("--rows-per-piece", "500")
    undisturbed = case.run("--output", str(case.folder / "other"), *small)
    for _ in range(2):
        killed_midway(case, *small)
    found = case.run(*small)
    assert 500 <= found["resumed"] < found["rows"] == 30_002
    assert found["failed"] == undisturbed["failed"] == 3
    assert contents(found["result"]) == contents(undisturbed["result"])
    assert not list(case.results.glob(".part-*"))


@pytest.mark.parametrize("changed", ["table", "manifest", "model"])
def test_a_run_does_not_go_on_with_what_was_made_from_something_else(case: Case, changed: str) -> None:
    case.table(*ROWS)
    small = ("--rows-per-piece", "500")
    part = killed_midway(case, *small)
    if changed == "table":
        case.table(*ROWS[:100])
    elif changed == "manifest":
        case.manifest.write_text(case.manifest.read_text().replace("0.25", "0.5"))
        case.table(*ROWS)
    else:
        model = case.folder / "model.onnx"
        model.write_bytes(model.read_bytes().replace(b"test", b"tost"))
    assert case.run(*small)["resumed"] == 0
    assert not part.exists()


def test_two_runs_do_not_meet(case: Case) -> None:
    case.table(*ROWS)
    process = subprocess.Popen(
        case.command("--rows-per-piece", "100"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    eventually((case.results / ".lock").exists, SOON, "the first run has begun")
    process.send_signal(signal.SIGSTOP)  # so that it cannot end before the second one has looked
    assert f"another run writes to {case.results}: wait for it" in case.run(code=4)["error"]
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert case.run()["rows"] == len(ROWS)


def test_a_run_that_is_told_to_stop_says_how_to_go_on(case: Case) -> None:
    case.table(*ROWS)
    process = subprocess.Popen(
        case.command("--rows-per-piece", "10"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    eventually(lambda: list(case.results.glob(".part-*")), SOON, "the run has begun")
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()[-1]) == (
        130,
        "gpux-predictor: stopped; the same command goes on from here",
    )


def test_a_time_zone_that_is_none(case: Case) -> None:
    assert (
        "there is no time zone 'Mars/Base': write for instance" in case.run("--time-zone", "Mars/Base", code=1)["error"]
    )


def test_older_results_are_removed(case: Case) -> None:
    for count in (1, 2, 3):
        case.table(*ROWS[:count])
        case.run("--keep", "2")
    results = sorted(case.results.glob("*.sqlite"))
    assert len(results) == 2
    assert json.loads((case.results / "latest.json").read_text())["result"] in [file.name for file in results]


@pytest.mark.timeout(900)
def test_a_million_rows_in_bounded_memory(case: Case) -> None:
    """Random keys, the worst case of the index. The file has 35 MB, the result 150 MB."""
    numbers = list(range(1_000_000))
    random.Random(1).shuffle(numbers)
    with (case.folder / "matches.csv").open("w") as out:
        out.write("match_id,a,b\n")
        out.writelines(f"{n},{n / 7:.3f},{n % 5}\n" for n in numbers)
    script = "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; "
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", script, *case.command()], check=False, capture_output=True, text=True, timeout=800
    )
    summary, kilobytes = done.stdout.splitlines()
    assert (json.loads(summary)["rows"], done.returncode) == (1_000_000, 0), done.stderr
    assert int(kilobytes) < 600 * 1024, "about 450 MB, 300 of them libraries and the model"
    with serve(case.manifest) as server:
        assert server.http.get("/predict/batch/777777").json()["match_id"] == 777777
        with sqlite3.connect(json.loads(summary)["result"]) as database:
            for n in numbers[:1000]:
                assert database.execute("SELECT answer FROM entities WHERE entity = ?", (str(n),)).fetchone()
            plan = database.execute("EXPLAIN QUERY PLAN SELECT answer FROM entities WHERE entity = '1'").fetchall()
        assert [row[3].partition(" ")[0] for row in plan] == ["SEARCH"], "by the index, not over a million rows"


def test_a_model_of_texts(tmp_path: Path) -> None:
    """The columns are the inputs: a request of each row, and its answer under `prediction`."""
    review = Path(__file__).parents[4] / "examples" / "review"
    document = (review / "gpuxmodel.yaml").read_text()
    manifest = tmp_path / "gpuxmodel.yaml"
    manifest.write_text(document)
    case = Case(tmp_path, manifest)
    texts = [f'{i},"it is {"good" if i % 3 else "bad, really"} {"so " * (i % 20)}",x' for i in range(600)]
    table = case.table(*texts, "600,,x", header="id,text,source\n")
    here = ("--model-dir", str(review), "--entities", str(table), "--output", str(case.results), "--key-column", "id")
    found = case.run(*here)
    assert (found["rows"], found["failed"]) == (601, 0)
    with serve(manifest, "--model-dir", str(review), "--batch-dir", str(case.results)) as server:
        for i in (0, 1, 19, 333, 599):
            text = texts[i].split('"')[1]
            alone = server.http.post("/predict", json={"text": text}).json()
            assert server.http.get(f"/predict/batch/{i}").json() == {"id": i, "prediction": alone}
        assert server.http.get("/predict/upcoming?limit=1").json() == [{"id": 0, "source": "x"}]


def test_a_model_of_tensors_from_parquet(tmp_path: Path) -> None:
    several(tmp_path / "model.onnx")
    case = write(tmp_path, batch=batch(keyColumn="key"))
    columns = {
        "key": ["p", "q", "r"],
        "a": [[1.0, 2, 3], [4, 5], [7, 8, 9]],
        "b": [[1.0] * 3] * 3,
        "words": ["x", "y", "z"],
    }
    pa.parquet.write_table(pa.table(columns), tmp_path / "table.parquet")
    found = case.run("--entities", str(tmp_path / "table.parquet"))
    assert (found["rows"], found["failed"]) == (3, 1)
    with serve(case.manifest) as server:
        answer = {"sum": [8.0, 9.0, 10.0], "product": [7.0, 8.0, 9.0], "said": "z"}
        assert server.http.get("/predict/batch/r").json() == {"key": "r", "prediction": answer}
        assert "its row failed: Invalid input shape for 'a'" in server.http.get("/predict/batch/q").json()["detail"]


def test_the_manifest_of_a_pod_and_the_arguments_of_the_cron_job_are_enough(case: Case) -> None:
    """A pod has the projection, which says of the batch where the results are; the rest comes as options."""
    table = case.table(*ROWS[:20])
    case.manifest.write_text(json.dumps(serving_manifest(load(case.manifest))))
    claims = ("--entities", str(table), "--output", str(case.results), "--model-dir", str(case.folder))
    found = case.run(*claims, "--time-zone", "Europe/London", "--keep", "1", "--date-column", "match_date")
    assert (found["rows"], found["failed"]) == (20, 0)


def test_help_tells_the_exit_codes() -> None:
    text = subprocess.run([str(PROGRAM), "batch", "--help"], capture_output=True, text=True, check=True).stdout
    assert "Exit codes: 0 there is a new result" in " ".join(text.split())
