"""What is read from wrk, /proc and the outcomes of callers."""

import math
import os

import pytest
from tests.bench import accounting, cores, load, overload
from tests.bench.overload import BROKEN, GAVE_UP, Outcome

WRK = """Running 1s test @ http://127.0.0.1:1/predict
  1 threads and 1 connections
{"requests":1000,"microseconds":2000000,"p50":1500,"p99":9000,"max":9500,"connect":0,"read":1,"write":0,"status":100,"timeout":2}
"""


def test_a_window_counts_only_good_answers_and_all_errors() -> None:
    window = load.window(load.parse(WRK), server_cpu=1.5, load_cpu=0.4, machine_cpu=2.0)
    assert window.rate == 450
    assert (window.p50, window.p99) == (1.5, 9.0)
    assert window.errors == 103
    assert window.cpu == 1500
    assert window.others == pytest.approx(0.05)


def test_wrk_without_a_result_says_what_it_printed() -> None:
    with pytest.raises(load.LoadError, match="unable to connect"):
        load.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_no_answer_at_all_is_no_division_by_zero() -> None:
    window = load.window(load.parse(WRK) | {"requests": 0, "status": 0}, 1.0, 0.0, 0.5)
    assert (window.rate, window.others) == (0, 0)


def test_a_process_name_may_hold_anything() -> None:
    fields = ["S", "41", *["0"] * 9, "250", "50", *["0"] * 8, "10"]
    usage = accounting.parse(f"42 (a) b (c)) {' '.join(fields)}")
    assert usage.parent == 41
    assert usage.cpu_seconds == 300 / os.sysconf("SC_CLK_TCK")
    assert usage.rss_bytes == 10 * os.sysconf("SC_PAGE_SIZE")


def test_descendants_are_found_at_any_depth() -> None:
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 20: 1}
    assert accounting.descendants(10, parents) == [10, 11, 12]
    assert accounting.descendants(99, parents) == []


def test_this_process_is_in_its_own_tree() -> None:
    usage = accounting.tree(os.getpid())
    assert accounting.rss_megabytes(usage) > 1
    assert accounting.cpu_seconds(usage) > 0


@pytest.mark.parametrize(
    ("allowed", "siblings", "found"),
    [
        ({0, 1}, {0: "0", 1: "1"}, cores.Cores(load=0, server=1)),
        ({0, 1, 2, 3}, {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, cores.Cores(load=0, server=3)),
        ({0, 1, 2, 3}, {0: "0,3", 1: "1,2", 2: "1,2", 3: "0,3"}, cores.Cores(load=0, server=2)),
        ({0, 1}, {0: "0-1", 1: "0-1"}, cores.Cores(load=0, server=1)),
        ({2, 5}, {}, cores.Cores(load=2, server=5)),
        ({3}, {3: "3"}, None),
    ],
)
def test_two_physical_cores_where_there_are_two(
    allowed: set[int], siblings: dict[int, str], found: cores.Cores | None
) -> None:
    assert cores.choose(allowed, siblings) == found


def test_goodput_counts_answers_in_time_and_nothing_else() -> None:
    outcomes = [
        *[Outcome(200, 0.5)] * 6,
        *[Outcome(200, 1.5)] * 2,
        *[Outcome(429, 0.01)] * 9,
        Outcome(504, 1.0),
        Outcome(GAVE_UP, 3.0),
        Outcome(BROKEN, 0.1),
    ]
    summary = overload.summarise(outcomes, seconds=2, deadline=1, lag=0.002)
    assert (summary.offered, summary.goodput, summary.lag) == (10, 3, 2)
    assert summary.statuses == {"200": 8, "429": 9, "504": 1, "gave up": 1, "broken": 1, "late": 2}
    assert summary.p50 == 500


def test_nothing_accepted_has_no_percentiles() -> None:
    assert math.isnan(overload.summarise([Outcome(429, 0.1)] * 3, 1, 1, 0).p99)
