"""Measuring a model with several numbers of threads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
import yaml

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.cli import rounds
from gpux_predictor.cli.display import table
from gpux_predictor.cli.recommending import Measured, Recommendation, Timed, recommend
from gpux_predictor.engine import cpus, trials
from gpux_predictor.engine.providers import CPU
from gpux_predictor.errors import InferenceFailed
from gpux_predictor.serving import health, loading
from gpux_predictor.serving.health import Health
from gpux_predictor.serving.loading import LoadedModel, Origin
from gpux_predictor.tensors import batch_axis

MOST_ROWS = 512
_BEYOND = 2
"""Sizes up to this many times the limit of warm-up are measured, to see whether it stopped too early."""


@dataclass(frozen=True)
class Bench:
    """The first of `measured` is the default."""

    name: str
    provider: str
    measured: Sequence[Measured]
    recommendation: Recommendation

    def describe(self) -> dict[str, Any]:
        """The result as JSON."""
        return {
            "name": self.name,
            "provider": self.provider,
            "measured": [
                {
                    "threads": found.threads,
                    "max_size": found.limit,
                    "curve": [
                        {
                            "batch": size.rows,
                            "milliseconds": round(size.seconds * 1e3, 4),
                            "per_second": round(size.rate, 1),
                            "noise": round(size.noise, 3),
                        }
                        for size in found.sizes
                    ],
                }
                for found in self.measured
            ],
            "recommended": self.recommendation.spec(),
            "why": list(self.recommendation.why),
        }


def bench(model: GpuxModel, origin: Origin, tell: Callable[[Health], None]) -> Bench:
    """Measures with the default threads and, on a CPU, with fewer.

    Raises:
        LoadError: the model cannot be loaded.
        InferenceFailed: no sample was found that runs.
    """
    loaded: dict[int, LoadedModel] = {}
    most = cpus.available()
    for threads in sorted({most, max(1, most // 2), 1}, reverse=True):
        loaded[threads] = loading.load_unchecked(_with(model, threads), origin, tell)
        if loaded[threads].session.providers[0] != CPU:
            break  # a device's runs hardly use them
    tell(health.warming_up(f"measuring with {' and '.join(map(str, loaded))} threads"))
    timings = rounds.measure(
        {(threads, rows): run for threads, one in loaded.items() for rows, run in _runs(one).items()}
    )
    measured = [
        Measured(
            threads,
            one.learnt.limit,
            [Timed(rows, found.seconds, found.noise) for (t, rows), found in timings.items() if t == threads],
        )
        for threads, one in loaded.items()
    ]
    provider = next(iter(loaded.values())).session.providers[0]
    return Bench(model.metadata.name, provider, measured, recommend(measured[0], measured[1:]))


def _with(model: GpuxModel, threads: int) -> GpuxModel:
    """The model with that many threads, and with the batch limit that warm-up finds."""
    runtime = model.spec.runtime
    batching = runtime.batching.model_copy(update={"max_size": None}) if runtime.batching else None
    changed = runtime.model_copy(update={"threads": threads, "batching": batching})
    return model.model_copy(update={"spec": model.spec.model_copy(update={"runtime": changed})})


def _runs(loaded: LoadedModel) -> dict[int, Callable[[], object]]:
    """A run of each size, by its rows."""
    samples = loaded.learnt.proof.samples
    if not samples:
        raise InferenceFailed(f"nothing to measure with: {loaded.learnt.proof.why}")
    batched = batch_axis.find(loaded.signature).inputs
    names = [tensor.name for tensor in loaded.signature.outputs]
    batches = {
        rows: trials.together([samples[i % len(samples)] for i in range(rows)], batched) if rows > 1 else samples[0]
        for rows in _sizes(loaded)
    }
    return {rows: partial(loaded.session.run, names, feeds) for rows, feeds in batches.items()}


def _sizes(loaded: LoadedModel) -> list[int]:
    """1, 2, 4, … and the limit, as far as the model batches."""
    learnt = loaded.learnt
    if not learnt.proof.batchable:
        return [1]
    if learnt.sizes:
        return list(learnt.sizes)
    beyond = learnt.limit if learnt.capped else min(_BEYOND * learnt.limit, MOST_ROWS)
    return sorted({learnt.limit, *(2**power for power in range(beyond.bit_length()) if 2**power <= beyond)})


def text(found: Bench) -> str:
    """The result for people."""
    parts = []
    for measured in found.measured:
        rows = [
            (size.rows, round(size.seconds * 1e3, 4), round(size.rate, 1), f"{size.noise:.0%}")
            for size in measured.sizes
        ]
        parts.append(
            f"{found.name} on {found.provider}, {measured.threads} threads, batches up to {measured.limit} at warm-up"
        )
        parts.append(table(("batch", "ms", "samples/s", "noise"), rows))
    parts.append("\n".join(found.recommendation.why))
    spec = found.recommendation.spec()
    good = click.style(
        "the defaults are as good as anything measured: leave spec.runtime.threads and batching.maxSize out", fg="green"
    )
    parts.append(f"recommended:\n{yaml.safe_dump(spec, sort_keys=False)}".rstrip() if spec else good)
    return "\n\n".join(parts)
