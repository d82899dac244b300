"""The correctness soak: many clients with distinct inputs of mixed shapes; some send poison, some go away in the middle.

`python -m tests.bench.correctness --minutes 5`: every answer has to be raw onnxruntime's to 1e-5, only poisoned requests may
fail, and the server's memory has to stay. Exit code 0 if all of it holds.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from . import accounting, contestants, cores
from .check import answers_differ
from .dialects import DIALECTS
from .environments import folder
from .http1 import Connection, ProtocolError
from .servers import Running, serve
from .soak_inputs import SAMPLES, Sample, model_with

TOLERANCE = 1e-5
ONE_IN = 50
"""Requests for each poisoned one, and for each one whose caller goes away."""
GROWTH_MEGABYTES, GROWTH_SHARE = 16.0, 0.05
"""What memory may grow by between the first quarter, after the first tenth, and the last: the larger of the two."""


@dataclass
class Findings:
    """What the clients saw: counts by outcome, the first problems in words, and the server's memory second by second."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)

    def wrong(self, what: str, problem: str) -> None:
        """Counts a problem; the first few are kept."""
        self.counts[what] += 1
        if len(self.problems) < 10:
            self.problems.append(f"{what}: {problem}")


def growth(rss: Sequence[float]) -> float:
    """How much the median memory of the last quarter is above that of the first after the warm-up, in MB; 0 of too few."""
    settled = rss[len(rss) // 10 :]
    quarter = len(settled) // 4
    return statistics.median(settled[-quarter:]) - statistics.median(settled[:quarter]) if quarter else 0.0


def verdict(findings: Findings) -> list[str]:
    """Why the soak failed; empty if it did not."""
    counts = findings.counts
    reasons = [
        f"{counts[name]} {name}" for name in ("wrong answers", "innocent errors", "guilty answered") if counts[name]
    ]
    reasons += [f"no {name}" for name in ("right answers", "guilty refused", "gone away") if not counts[name]]
    grown = growth(findings.rss)
    if grown > max(GROWTH_MEGABYTES, GROWTH_SHARE * max(findings.rss, default=0)):
        reasons.append(f"memory grew by {grown:.0f} MB")
    return reasons


async def client(port: int, samples: Sequence[Sample], until: float, findings: Findings, seed: int) -> None:
    """One caller: asks for random samples until the time is over."""
    choice = random.Random(seed)
    innocent = [sample for sample in samples if sample.expected is not None]
    guilty = [sample for sample in samples if sample.expected is None]
    connection: Connection | None = None
    while time.monotonic() < until:
        connection = connection or await Connection.open(port)
        draw = choice.randrange(ONE_IN)
        sample = choice.choice(guilty if draw == 0 else innocent)
        request = DIALECTS["predict"].encode(sample.feeds)
        try:
            if draw == 1:
                await connection.send(request)
                await asyncio.sleep(choice.random() * 0.02)
                connection.close()
                connection = None
                findings.counts["gone away"] += 1
                continue
            answer = await connection.post(request)
        except (OSError, ProtocolError) as error:
            findings.wrong("innocent errors", f"{type(error).__name__}: {error}")
            connection = None
            continue
        judge(sample, answer.status, answer.body, findings)
    if connection:
        connection.close()


def judge(sample: Sample, status: int, body: bytes, findings: Findings) -> None:
    """Counts an answer as what it is."""
    if sample.expected is None:
        if status == 400:
            findings.counts["guilty refused"] += 1
        else:
            findings.wrong("guilty answered", f"{status} {body[:200]!r}")
    elif status != 200:
        findings.wrong("innocent errors", f"{status} {body[:200]!r}")
    else:
        (value,) = json.loads(body).values()
        difference = answers_differ(np.asarray(value), sample.expected, TOLERANCE)
        if difference:
            findings.wrong("wrong answers", difference)
        else:
            findings.counts["right answers"] += 1


async def soak(server: Running, samples: Sequence[Sample], clients: int, seconds: float) -> Findings:
    """All clients at once, and the server's memory meanwhile."""
    findings, until = Findings(), time.monotonic() + seconds
    callers = asyncio.gather(*(client(server.port, samples, until, findings, seed) for seed in range(clients)))
    while not callers.done():
        findings.rss.append(accounting.rss_megabytes(accounting.tree(server.pid)))
        await asyncio.wait([callers], timeout=1)
    await callers
    return findings


def main() -> int:
    """Soaks with each model and prints what came of it."""
    parser = argparse.ArgumentParser("python -m tests.bench.correctness", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="how long with each model (default 5)")
    parser.add_argument("--clients", type=int, default=64, help="how many at once (default 64)")
    parser.add_argument("--only", choices=SAMPLES, help="one model (default: each)")
    options = parser.parse_args()
    placed = cores.find()
    if placed is None:
        print("correctness: needs Linux and two CPUs: one serves, one asks", file=sys.stderr)
        return 1
    failed = False
    for name in [options.only] if options.only else SAMPLES:
        model, samples = model_with(name, folder() / "models")
        first = DIALECTS["predict"].encode(next(sample for sample in samples if sample.expected is not None).feeds)
        with serve(contestants.ours(model), placed.server, first) as server:
            findings = asyncio.run(soak(server, samples, options.clients, options.minutes * 60))
        reasons = verdict(findings)
        failed = failed or bool(reasons)
        memory = f"{findings.rss[0]:.0f} to {findings.rss[-1]:.0f} MB, grew by {growth(findings.rss):.1f} MB"
        print(f"{name}: {'FAILED: ' + ', '.join(reasons) if reasons else 'passed'}")
        print(f"  {', '.join(f'{count} {what}' for what, count in sorted(findings.counts.items()))}; memory {memory}")
        print("".join(f"  {problem}\n" for problem in findings.problems), end="")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
