"""docs/scale.md."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.bench.tables import table

Record = dict[str, Any]


class Target(NamedTuple):
    """A figure with its bound."""

    what: str
    bound: str
    read: Callable[[Record], float]
    met: Callable[[float], bool]


TARGETS = (
    Target("models per second, from the start of the process", "at least 40",
           lambda record: record["converge"]["models_per_second"], lambda value: value >= 40),
    Target("writes to the API for each new model", "at most 3",
           lambda record: record["converge"]["writes_per_model"], lambda value: value <= 3),
    Target("writes in a resync of all models with nothing to do", "0",
           lambda record: record["resync"]["writes"], lambda value: value == 0),
    Target("largest RSS, MiB", "below 250", lambda record: record["memory"]["peak_mib"], lambda value: value < 250),
    Target("changes that were not acted on", "0",
           lambda record: record["changes"]["changes"] - record["changes"]["acted_on"], lambda value: value == 0),
    Target("event to apply, p99, ms", "below 1000", lambda record: record["changes"]["p99_ms"], lambda value: value < 1000),
)  # fmt: skip
HOW = """## How it was measured

A real etcd, kube-apiserver and kube-controller-manager on the same machine, which also runs the operator; no KServe, no nodes, so a
model ends at `WaitingForKServe`. The models are there before the operator starts: text preprocessing, a memory limit, ten namespaces.

- **models per second** counts from the start of the process, Python's own start included.
- **passes, requests and CPU** count until the operator rests: without a KServe each model is looked at once more, after ten seconds.
- **requests** are the operator's own count (`gpux_operator_api_requests_total`), watches not among them.
- **event to apply** is the time between the API server's answers to the user's change of a model and to the operator's change of
  its InferenceService, both from the audit log.
- **RSS** is the kernel's VmHWM at the end of the run."""


def met(record: Record) -> bool:
    """Whether all targets are."""
    return all(target.met(target.read(record)) for target in TARGETS)


def render(record: Record) -> str:
    """The page."""
    machine, converge, changes = record["machine"], record["converge"], record["changes"]
    targets = [
        [target.what, target.bound, f"{value:.4g}", "yes" if target.met(value) else "**no**"]
        for target in TARGETS
        for value in [target.read(record)]
    ]
    details = [
        ["models", f"{converge['models']}"],
        ["seconds until all have a status", f"{converge['seconds']:.1f}"],
        ["seconds until the first pass", f"{converge['first_pass_seconds']:.1f}"],
        ["passes for each new model", f"{converge['passes_per_model']:.2f}"],
        ["reads for each new model", f"{converge['reads_per_model']:.2f}"],
        ["CPU of the operator until it rests, s", f"{converge['cpu_seconds']:.1f}"],
        ["reads for each pass of a resync", f"{record['resync']['reads_per_pass']:.2f}"],
        ["changes, per second", f"{changes['changes']}, {changes['per_second']:.1f}"],
        ["event to apply: p50, p99, max, ms", f"{changes['p50_ms']:.0f}, {changes['p99_ms']:.0f}, {changes['max_ms']:.0f}"],
        ["RSS at the end, MiB", f"{record['memory']['resident_mib']:.0f}"],
    ]  # fmt: skip
    parts = [
        "# The operator at scale",
        f"Written by `make bench-operator` on {machine['date']} at commit {machine['commit']}.",
        f"Machine: {machine['cpu']}, {machine['cpus']} CPUs, {machine['memory_gb']} GB, {machine['system']}, Python "
        f"{machine['python']}; load average before the start: {machine['load']:.2f}.",
        *_warning(machine),
        table(["", "target", "measured", "met"], targets),
        table(["", ""], details),
        HOW,
    ]
    return "\n\n".join(parts) + "\n"


def _warning(machine: Record) -> list[str]:
    if machine["load"] <= machine["cpus"] / 2:
        return []
    return [
        f"**The machine was busy with other work (load {machine['load']:.1f} on {machine['cpus']} CPUs): the times below are not to be "
        "trusted, the counts are.**"
    ]
