"""Churn without growth: models come, change and go for half an hour; memory, threads, errors and watches are watched.

`python -m tests.bench.scale.soak --minutes 30`; ends with 1 if memory grew or a watch failed.
"""

import argparse
import json
import random
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from testcluster.api import Api

from . import measure
from .cluster import Name, Operator, apply, control_plane, names

MODELS = 100
PER_SECOND = 10.0
EVERY_SECONDS = 5.0
WARM_UP = 0.25
"""The first part of a run: caches and arenas still fill."""
GROWTH = 0.05
FAILURES = re.compile(r'"result": "(error|bug)"|the watches ended|Traceback')


class Sample(NamedTuple):
    """One look at the operator."""

    at: float
    resident_mib: float
    threads: float
    passes: float


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="gpux-soak-") as folder, control_plane(Path(folder)) as plane:
        log = Path(folder) / "operator.log"
        operator = Operator(plane, log, "--resync-seconds=60")
        try:
            samples = churn(plane.api, operator, minutes * 60)
            measure.settle(operator)
        finally:
            operator.stop()
        failures = [line for line in log.read_text().splitlines() if FAILURES.search(line)]
    growth = grown(samples)
    print(json.dumps({"minutes": minutes, "growth": round(growth, 4), "first": samples[0], "last": samples[-1],
                      "failures": len(failures)}))  # fmt: skip
    for line in failures[:10]:
        print(line, file=sys.stderr)
    return 1 if growth > GROWTH or failures else 0


def churn(api: Api, operator: Operator, seconds: float) -> list[Sample]:
    """Two thirds changes and creations, one third deletions, of a hundred names."""
    chance = random.Random(1)
    started = time.monotonic()
    samples: list[Sample] = []
    pool = names(MODELS)
    for number in range(round(seconds * PER_SECOND)):
        time.sleep(max(started + number / PER_SECOND - time.monotonic(), 0))
        _step(api, chance, chance.choice(pool))
        if time.monotonic() - started > len(samples) * EVERY_SECONDS:
            samples.append(_look(operator, time.monotonic() - started))
    return samples


def grown(samples: list[Sample]) -> float:
    """By which share memory is larger in the last quarter than in the quarter after the warm-up."""
    rest = [sample.resident_mib for sample in samples[int(len(samples) * WARM_UP) :]]
    third = max(len(rest) // 3, 1)
    return statistics.median(rest[-third:]) / statistics.median(rest[:third]) - 1


def _step(api: Api, chance: random.Random, name: Name) -> None:
    if chance.random() < 1 / 3:
        api.delete("gpux.io/v1alpha1", "GpuxModel", name.name, name.namespace)
    else:
        apply(api, [name], replicas=chance.randrange(1, 5))


def _look(operator: Operator, at: float) -> Sample:
    return Sample(
        round(at, 1),
        round(operator.resident_mib(), 1),
        operator.threads(),
        operator.total("gpux_operator_reconcile_total"),
    )


if __name__ == "__main__":
    sys.exit(main())
