"""GET /predict/batch/{entity} and /predict/upcoming: the newest result, without a restart, and what is said where there is none."""

import json
import os
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from batchtables import Case, batch, write
from predictorserver import Server, serve
from testcluster.waiting import SOON, eventually

EXAMPLE = Path(__file__).parents[4] / "examples" / "match-outcome"


def metric(server: Server, name: str) -> float:
    text = server.http.get("/metrics").text
    return float(next(line for line in text.splitlines() if line.startswith(name)).rsplit(" ", 1)[1])


def test_the_documents_answers(tmp_path: Path) -> None:
    """reference 004: the list of upcoming matches byte for byte, and a look-up that is answered as the sync call is."""
    case = Case(tmp_path, EXAMPLE / "gpuxmodel.yaml")
    here = ("--model-dir", str(EXAMPLE), "--entities", str(EXAMPLE / "matches.csv"), "--output", str(case.results))
    assert case.run(*here)["failed"] == 0
    with serve(case.manifest, "--model-dir", str(EXAMPLE), "--batch-dir", str(case.results)) as server:
        assert server.http.get("/predict/upcoming").content == (
            b'[{"match_id":42,"home_team":"Arsenal","away_team":"Chelsea","match_date":"2026-04-25"},'
            b'{"match_id":43,"home_team":"Liverpool","away_team":"Man City","match_date":"2026-04-26"}]'
        )
        found = server.http.get("/predict/batch/42")
        assert (found.status_code, found.headers["content-type"]) == (200, "application/json")
        assert set(found.json()) == {"match_id", "prediction"}
        assert set(found.json()["prediction"]) == {"predicted_class", "probabilities", "model_version", "model_run_id"}
        follows_the_document(server, "/predict/batch/{entity}", found.json())
        follows_the_document(server, "/predict/upcoming", server.http.get("/predict/upcoming").json())


def follows_the_document(server: Server, path: str, found: Any) -> None:
    document = server.http.get("/openapi.json").json()
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(found, schema | {"components": document["components"]})


def test_a_result_is_taken_up_without_a_restart(case: Case) -> None:
    with serve(case.manifest) as server:
        none = server.http.get("/predict/batch/1")
        assert (none.status_code, none.json()) == (
            404,
            {"detail": "No batch result yet: the first run has not finished"},
        )
        assert server.http.get("/predict/upcoming").status_code == 404
        assert str(metric(server, "prediction_batch_result_age_seconds")) == "nan"
        case.table("1,one,2026-04-25,1,2", "bad,two,,x,2")
        case.run()
        eventually(lambda: server.http.get("/predict/batch/1").status_code == 200, SOON, "the result is taken up")
        assert server.http.get("/predict/batch/1").json()["match_id"] == 1
        unknown, failed = server.http.get("/predict/batch/2"), server.http.get("/predict/batch/bad")
        assert unknown.json() == {"detail": "No prediction for '2': the newest batch result does not have it"}
        assert failed.json()["detail"].startswith(
            "No prediction for 'bad': its row failed: Invalid feature type for 'a'"
        )
        assert (unknown.status_code, failed.status_code) == (404, 404)
        case.table("2,two,,1,2")
        case.run()
        eventually(lambda: server.http.get("/predict/batch/2").status_code == 200, SOON, "so is the second")
        assert server.http.get("/predict/batch/1").status_code == 404
        assert 0 <= metric(server, "prediction_batch_result_age_seconds") < 300
        assert metric(server, "prediction_batch_result_rows") == 1
        assert metric(server, 'prediction_batch_lookups_total{outcome="found"}') == 3


def test_the_metrics_follow_without_a_look_up(case: Case) -> None:
    with serve(case.manifest) as server:
        case.table("1,one,,1,2", "bad,two,,x,2")
        case.run()
        eventually(
            lambda: metric(server, "prediction_batch_result_failed_rows") == 1, SOON, "the gauges tell of the result"
        )


def test_readers_never_miss_while_results_are_replaced(case: Case) -> None:
    case.table(*(f"{i},t,,1,{i % 5}" for i in range(3000)))
    case.run()
    codes: list[int] = []
    done = threading.Event()
    with serve(case.manifest) as server:

        def read() -> None:
            while not done.is_set():
                codes.append(server.http.get(f"/predict/batch/{len(codes) % 3000}").status_code)
                time.sleep(0.005)

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(2):
            case.run("--keep", "1")
            time.sleep(1.05)
        done.set()
        reader.join()
    assert len(codes) > 100
    assert set(codes) == {200}
    assert len(list(case.results.glob("*.sqlite"))) == 1


WORDS = "the newest batch result is not served"


def test_a_result_that_cannot_be_read_does_not_replace_one_that_can(case: Case) -> None:
    case.table("1,one,,1,2")
    case.run()
    with serve(case.manifest) as server:
        assert server.http.get("/predict/batch/1").status_code == 200
        (case.results / "20300101T000000Z-00000000.sqlite").write_bytes(b"no database" * 1000)
        pointer = case.results / "latest.json"
        texts = ('{"result": "20300101T000000Z-00000000.sqlite"}', '{"result": "../../etc/passwd"}', "no JSON")
        for told, text in enumerate(texts, 1):
            pointer.write_text(text)

            def noticed(times: int = told) -> bool:
                assert server.http.get("/predict/batch/1").status_code == 200
                return server.log.read_text().count(WORDS) == times

            eventually(noticed, SOON, "a look-up notices it, and it is told once")


def test_a_list_by_date_and_in_pages(tmp_path: Path, case: Case) -> None:
    today = datetime.now(UTC).date()
    days = {
        key: (today + timedelta(days=n)).isoformat() for key, n in {"a": 2, "b": -2, "c": 1, "d": 2, "e": 300}.items()
    }
    spec = {"preprocessing": {"tabular": {"entityKey": "match_id", "features": ["a", "b"]}}}
    case = write(tmp_path, **spec, batch=batch(dateColumn="match_date"))
    case.table(*(f"{key},t,{day}T20:00:00Z,1,2" for key, day in days.items()), "undated,t,,1,2")
    case.run()
    with serve(case.manifest) as server:

        def page(query: str = "") -> tuple[list[str], str | None]:
            found = server.http.get(f"/predict/upcoming{query}")
            assert found.status_code == 200
            return [row["match_id"] for row in found.json()], found.headers.get("link")

        assert page() == (["c", "a", "d", "e"], None)
        assert page("?limit=2") == (["c", "a"], '</predict/upcoming?limit=2&after=a>; rel="next"')
        assert page("?limit=2&after=a") == (["d", "e"], None)
        assert page("?limit=2&after=b") == page("?limit=2"), "an entity of the past is before all"
        assert server.http.get("/predict/batch/undated").status_code == 200
        for query, detail in {
            "limit=0": "Invalid parameter 'limit'",
            "limit=10001": "Invalid parameter 'limit'",
            "after=z": "Invalid parameter 'after'",
            "skip=1": "Unknown parameter: 'skip'",
        }.items():
            found = server.http.get(f"/predict/upcoming?{query}")
            assert (found.status_code, detail in found.json()["detail"]) == (400, True)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX modes")
def test_a_folder_that_cannot_be_written(case: Case) -> None:
    """As a read-only volume: nothing but the files themselves is needed, no journal and no lock."""
    case.table("1,one,,1,2")
    case.run()
    for entry in case.results.iterdir():
        entry.chmod(0o444)
    case.results.chmod(0o555)
    before = sorted(case.results.iterdir())
    try:
        with serve(case.manifest) as server:
            assert server.http.get("/predict/batch/1").status_code == 200
            assert sorted(case.results.iterdir()) == before
    finally:
        case.results.chmod(0o755)


@pytest.mark.parametrize("spec", [{}, {"batch": {"output": {"uri": "pvc://claim/results"}}}])
def test_closed_with_the_reason(tmp_path: Path, case: Case, spec: dict[str, Any]) -> None:
    case = write(tmp_path, **spec)
    with serve(case.manifest) as server:
        for path in ("/predict/batch/1", "/predict/upcoming"):
            found = server.http.get(path)
            why = "pass --batch-dir with the folder" if spec else "the manifest has no spec.batch"
            assert (found.status_code, why in found.json()["detail"]) == (404, True)
        assert ("/predict/upcoming" in server.http.get("/openapi.json").json()["paths"]) is bool(spec)


def test_a_page_of_a_large_table_walks_the_index(case: Case) -> None:
    case.table("1,one,2026-01-01,1,2")
    with sqlite3.connect(case.run("--date-column", "match_date")["result"]) as database:
        query = "SELECT listed FROM entities WHERE (day, row) > ('2026', 0) ORDER BY day, row LIMIT 3"
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert len(plan) == 1
    assert plan[0].startswith("SEARCH entities USING INDEX by_day"), json.dumps(plan)
