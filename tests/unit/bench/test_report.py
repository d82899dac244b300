"""The page, its tables and its plot, from a record of made-up figures."""

from pathlib import Path
from typing import Any

import pytest
from tests.bench import figures, plot, report, tables, targets
from tests.bench.cases import CASES
from tests.bench.contestants import CONTESTANTS
from tests.bench.dialects import DIALECTS


def window(rate: float, **others: float) -> dict[str, float]:
    return {"rate": rate, "p50": 5.2, "p99": 9.0, "errors": 0, "cpu": 40.0, "others": 0.01} | others


@pytest.fixture
def record() -> dict[str, Any]:
    windows: dict[str, dict[str, list[dict[str, float]]]] = {}
    for case in CASES:
        for number, who in enumerate(CONTESTANTS, start=1):
            for name in who.dialects:
                if DIALECTS[name].kind == case.kind:
                    rates = (100.0 * number, 110.0 * number, 90.0 * number)
                    windows.setdefault(case.key, {})[who.entry(name)] = [window(rate) for rate in rates]
    start = {"ready_seconds": 0.8, "rss_megabytes": 150.0, "loaded_megabytes": 160.0}
    runs = [
        {"rates": {"1": 900.0, "8": 1100.0 + more}, "p50": 5.0, "mixed": {"1": 500.0}} for more in (0.0, 20.0, 10.0)
    ]
    overload = {"capacity": 300.0, "offered": 900.0, "goodput": 280.0, "p50": 400.0, "p99": 900.0, "lag": 1.0}
    return {
        "machine": {"cpu": "A", "cpus": 2, "memory_gb": 8, "system": "Linux", "python": "3.11", "date": "2026-01-01",
                    "commit": "abc", "server_core": 1, "load_core": 0},
        "plan": {"rounds": 3, "seconds": 2, "overload_seconds": 60, "deadline": 1},
        "packages": {"checkout": {"onnxruntime": "1.31"}},
        "models": {"encoder": "random weights"},
        "raw": {"tiny": runs, "encoder": runs, "image": runs, "jpeg": [run | {"decode": 1.0} for run in runs]},
        "windows": windows,
        "starts": {"KServe": [start], "gpux-predictor": [start | {"ready_seconds": 0.9}]},
        "failures": [{"entry": "BentoML", "where": "image", "why": "ended with 1"}],
        "notes": ["one of its threads may leave the core"],
        "overload": {"gpux-predictor": overload | {"statuses": {"200": 280, "429": 620, "late": 0}},
                     "KServe": {"why": "ended with 1 | a | b"}},
    }  # fmt: skip


def test_figures_are_medians_over_the_rounds(record: dict[str, Any]) -> None:
    assert figures.median(record, "tiny, JSON, c=64", "bare ASGI", "rate") == 100
    assert figures.spread(record, "tiny, JSON, c=64", "bare ASGI") == pytest.approx(0.2)
    assert figures.ceiling(record, "encoder") == 1110
    assert figures.ceiling(record, "encoder", mixed=True) == 500
    assert figures.ceiling(record, "jpeg") == pytest.approx(1 / (1 / 1110 + 0.001))
    assert figures.raw_p50(record, "encoder") == [5, 5, 5]
    assert figures.start(record, "KServe", "ready_seconds") == [0.8]


def test_a_ratio_is_that_of_the_rounds(record: dict[str, Any]) -> None:
    """The machine was twice as fast in the second round, in which one of the two medians lies."""
    cases = record["windows"]["encoder, JSON, c=64"]
    cases["gpux-predictor"] = [window(rate) for rate in (90.0, 220.0, 100.0)]
    cases["bare ASGI"] = [window(rate) for rate in (100.0, 200.0, 80.0)]
    ours, bare = (
        figures.by_round(record, "encoder, JSON, c=64", name, "rate") for name in ("gpux-predictor", "bare ASGI")
    )
    assert figures.paired(ours, bare) == pytest.approx(1.1)
    assert figures.beyond(ours, bare) == 20
    assert figures.ceilings(record, "encoder") == [1100, 1120, 1110]
    assert figures.paired(ours, []) is None
    assert figures.paired(ours, [0.0, 0.0, 0.0]) is None
    assert figures.beyond([], bare) is None


def test_what_was_not_measured_is_none() -> None:
    empty: dict[str, Any] = {"windows": {}, "raw": {}, "starts": {}}
    assert figures.median(empty, "tiny, JSON, c=64", "bare ASGI", "rate") is None
    assert figures.ceiling(empty, "tiny") is None
    assert {target.find(empty) for target in targets.TARGETS} == {None}
    assert tables.targets(empty).count("not measured") == len(targets.TARGETS)


def test_every_target_reads_a_figure_that_the_benchmark_measures(record: dict[str, Any]) -> None:
    found = {(target.case, target.what): target.find(record) for target in targets.TARGETS}
    assert None not in found.values()
    assert found["encoder, JSON, c=1", "p50 beyond raw, ms"] == pytest.approx(0.2)
    assert found["overload", "goodput, of the capacity"] == pytest.approx(280 / 300)
    assert found["overload", "callers with neither 200 in time nor 429, share"] == 0
    assert found["start to first answer, tiny", "time, of KServe's"] == pytest.approx(0.9 / 0.8)
    assert "| 1.12 | **missed** |" in tables.targets(record)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (31298.7, "31,299"),
        (99.95, "100"),
        (5.123, "5.12"),
        (0.0, "0"),
        (1e-5, "1e-05"),
        (None, "-"),
        (float("nan"), "-"),
    ],
)
def test_numbers_have_three_digits(value: float | None, shown: str) -> None:
    assert tables.number(value) == shown


def test_the_page_has_every_case_and_says_what_was_left_out(record: dict[str, Any]) -> None:
    page = report.render(record)
    for case in CASES:
        assert f"| {case.key} | requests/s |" in page
    assert "- BentoML, image: ended with 1" in page
    assert "one of its threads may leave the core" in page
    assert "| KServe | - | - | - | - | - | ended with 1 / a / b |" in page
    assert "not to be trusted" not in page


def test_a_busy_machine_is_said(record: dict[str, Any]) -> None:
    for entries in record["windows"].values():
        for rows in entries.values():
            rows[:] = [row | {"others": 0.4} for row in rows]
    assert "40% of a core" in report.render(record)
    assert "not to be trusted" in report.render(record)


def test_what_people_wrote_below_the_marker_stays(record: dict[str, Any]) -> None:
    first = report.merge(report.render(record), "")
    written = first + "\n## Where the misses come from\n\nThe disk.\n"
    again = report.merge(report.render(record), written)
    assert again == written
    assert report.merge(report.render(record), again) == again


def test_the_plot_is_a_small_png(record: dict[str, Any], tmp_path: Path) -> None:
    plot.draw(record, tmp_path / "images" / "plot.png")
    content = (tmp_path / "images" / "plot.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 300_000


def test_bars_are_sorted_and_leave_out_what_never_answered(record: dict[str, Any]) -> None:
    case = CASES[0]
    record["windows"][case.key]["bare ASGI"] = [window(0.0)]
    pairs = plot.bars(record, case)
    assert [rate for _, rate in pairs] == sorted((rate for _, rate in pairs), reverse=True)
    assert "bare ASGI" not in dict(pairs)
