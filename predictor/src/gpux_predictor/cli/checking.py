"""What loading a model and running its samples shows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.cli.display import table
from gpux_predictor.errors import LoadError
from gpux_predictor.serving import about, health, loading, samples
from gpux_predictor.serving.health import Health
from gpux_predictor.serving.loading import LoadedModel, Origin


@dataclass(frozen=True)
class Sample:
    """A sample of the manifest that was run.

    Attributes:
        found: the answer, None if there is none.
        problem: what is wrong with it, None if it is as expected.
    """

    expected: dict[str, Any]
    found: Any
    problem: str | None


@dataclass(frozen=True)
class Report:
    """The end of loading.

    Attributes:
        health: as /health would say it.
        info: as /info would.
    """

    health: Health
    info: dict[str, Any]
    samples: list[Sample] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """The report as JSON."""
        shown = [
            {
                "ok": sample.problem is None,
                "problem": sample.problem,
                "expected": sample.expected,
                "found": sample.found,
            }
            for sample in self.samples
        ]
        verdict = {"ready": self.health.ready, "reason": self.health.reason, "detail": self.health.detail}
        return verdict | self.info | {"samples": shown}


def examine(model: GpuxModel, origin: Origin, tell: Callable[[Health], None]) -> Report:
    """Loads a model as `serve` does and runs all of its samples; how that ended is in the report, nothing is raised."""
    loaded: LoadedModel | None = None
    tried: list[Sample] = []
    try:
        loaded = loading.load_unchecked(model, origin, tell)
        tried = _samples(model, loaded, tell)
        wrong = [(place, sample.problem) for place, sample in enumerate(tried) if sample.problem is not None]
        state = health.failed(samples.failed(*wrong[0])) if wrong else health.ready()
    except LoadError as error:
        state = health.failed(error)
    except Exception as error:  # which would be the pod's end too
        state = health.crashed(error)
    return Report(state, about.info(model, loaded), tried)


def _samples(model: GpuxModel, loaded: LoadedModel, tell: Callable[[Health], None]) -> list[Sample]:
    wanted = model.spec.samples or []
    tried = []
    for number, sample in enumerate(wanted, 1):
        tell(health.checking(number, len(wanted)))
        with loading.sample_runs(model, loaded) as run:  # its own: one that was stopped runs nothing more
            found, problem = samples.answer(sample, lambda body, run=run: loaded.predict(body, run))  # type: ignore[misc]
        tried.append(Sample(sample.response, found, problem))
    return tried


def text(report: Report) -> str:
    """The report for people."""
    parts = _loaded(report.info) if report.info["loaded"] else []
    if report.samples:
        ok, wrong = click.style("ok", fg="green"), click.style("wrong", fg="red")
        rows = [
            (f"spec.samples[{place}]", sample.problem or "as expected", wrong if sample.problem else ok)
            for place, sample in enumerate(report.samples)
        ]
        parts.append(table(("sample", "answer", ""), rows))
    elif report.info["loaded"]:
        parts.append("no samples: nothing says that its answers are right (spec.samples)")
    name, state = report.info["name"], report.health
    if state.ready:
        parts.append(f"{name} is {click.style('ready', fg='green')}")
    else:
        parts.append(f"{name} is {click.style('not ready', fg='red')}: {state.reason}: {state.detail}")
    return "\n\n".join(parts)


def _loaded(info: dict[str, Any]) -> list[str]:
    batching = info["batching"]
    enabled = f"up to {batching['max_size']} samples a run" if batching["enabled"] else "one sample a run"
    facts = [
        ("file", f"{info['path']} ({info['size_mb']} MiB)"),
        ("sha256", info["sha256"]),
        ("provider", info["provider"]),
        ("batching", f"{enabled}: {batching['reason']}"),
    ]
    if "padding" in batching:
        facts.append(
            ("padding", f"{'yes' if batching['padding']['enabled'] else 'no'}: {batching['padding']['reason']}")
        )
    width = max(len(name) for name, _ in facts)
    tensors = [
        (kind, tensor["name"], tensor["type"], str(tensor["shape"]))
        for kind, key in (("input", "inputs"), ("output", "outputs"))
        for tensor in info[key]
    ]
    parts = [
        "\n".join(f"{name:<{width}}  {value}" for name, value in facts),
        table(("tensor", "name", "type", "shape"), tensors),
    ]
    if batching["curve"]:
        points = [(point["batch"], point["milliseconds"], point["per_second"]) for point in batching["curve"]]
        parts.append(table(("batch", "ms", "samples/s"), points))
    return parts
