"""How the soak judges answers, and when it has failed."""

from collections import Counter

import numpy as np
import pytest
from tests.bench.correctness import Findings, growth, judge, verdict
from tests.bench.soak_inputs import Sample

INNOCENT = Sample({}, np.array([[0.5]], np.float32))
GUILTY = Sample({}, None)
FINE = {"right answers": 100, "guilty refused": 2, "gone away": 2}


@pytest.mark.parametrize(
    ("sample", "status", "body", "outcome"),
    [
        (INNOCENT, 200, b'{"y": [[0.5]]}', "right answers"),
        (INNOCENT, 200, b'{"y": [[0.50002]]}', "wrong answers"),
        (INNOCENT, 200, b'{"y": [[0.5], [0.5]]}', "wrong answers"),
        (INNOCENT, 400, b"{}", "innocent errors"),
        (INNOCENT, 429, b"{}", "innocent errors"),
        (GUILTY, 400, b"{}", "guilty refused"),
        (GUILTY, 200, b'{"y": [[0.5]]}', "guilty answered"),
        (GUILTY, 500, b"{}", "guilty answered"),
    ],
)
def test_each_answer_is_judged(sample: Sample, status: int, body: bytes, outcome: str) -> None:
    findings = Findings()
    judge(sample, status, body, findings)
    assert findings.counts == {outcome: 1}


def test_a_good_soak_passes() -> None:
    assert verdict(Findings(Counter(FINE), rss=[150.0] * 60)) == []


@pytest.mark.parametrize("missing", FINE)
def test_a_soak_that_did_not_try_something_fails(missing: str) -> None:
    counts = Counter({name: count for name, count in FINE.items() if name != missing})
    assert verdict(Findings(counts)) == [f"no {missing}"]


@pytest.mark.parametrize("bad", ["wrong answers", "innocent errors", "guilty answered"])
def test_one_bad_answer_fails_it(bad: str) -> None:
    assert verdict(Findings(Counter(FINE | {bad: 1}))) == [f"1 {bad}"]


def test_memory_may_rise_while_it_warms_up_but_not_go_on() -> None:
    warm = [*np.linspace(100, 300, 6), *[300.0] * 54]
    assert growth(warm) == 0
    leak = list(np.linspace(150, 250, 60))
    assert growth(leak) > 50
    assert verdict(Findings(Counter(FINE), rss=leak)) == [f"memory grew by {growth(leak):.0f} MB"]
