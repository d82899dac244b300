"""What the operator's bench makes of its figures."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.bench.scale import report
from tests.bench.scale.soak import GROWTH, Sample, grown

RECORD: dict[str, Any] = {
    "machine": {"date": "2030-01-02", "commit": "abc", "cpu": "x", "cpus": 2, "memory_gb": 8, "system": "Linux",
                "python": "3.11", "load": 0.5},
    "converge": {"models": 1000, "seconds": 20.0, "first_pass_seconds": 1.0, "models_per_second": 50.0,
                 "writes_per_model": 3.0, "reads_per_model": 10.0, "passes_per_model": 1.1, "cpu_seconds": 9.0},
    "resync": {"writes": 0.0, "reads_per_pass": 6.0},
    "changes": {"changes": 600, "per_second": 20.0, "acted_on": 600, "p50_ms": 50.0, "p99_ms": 400.0, "max_ms": 900.0},
    "memory": {"peak_mib": 120.0, "resident_mib": 110.0},
}  # fmt: skip


@pytest.mark.parametrize(
    ("part", "figure", "value"),
    [
        ("converge", "models_per_second", 39.9),
        ("converge", "writes_per_model", 3.1),
        ("resync", "writes", 1.0),
        ("memory", "peak_mib", 250.0),
        ("changes", "p99_ms", 1000.0),
        ("changes", "acted_on", 599),
    ],
)
def test_a_missed_target_is_seen_and_shown(part: str, figure: str, value: float) -> None:
    assert report.met(RECORD)
    assert "**no**" not in report.render(RECORD)
    missed = copy.deepcopy(RECORD)
    missed[part][figure] = value
    assert not report.met(missed)
    assert report.render(missed).count("**no**") == 1


def test_growth_is_told_from_a_warm_up() -> None:
    def run(*resident: float) -> float:
        return grown([Sample(float(n), value, 10, 0) for n, value in enumerate(resident)])

    flat = [50.0, 80.0, 99.0, *[100.0, 101.0, 99.0] * 3]
    assert run(*flat) < GROWTH
    assert run(*[100 + n for n in range(12)]) > GROWTH
