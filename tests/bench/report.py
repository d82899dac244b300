"""docs/benchmarks.md: what was measured, how, and what the figures mean; what people wrote below the marker stays."""

from . import figures, tables
from .cases import CASES
from .figures import Record

MARKER = "<!-- `make bench` writes what is above this line and keeps what is below it. -->"
BUSY = 0.05
HOW = """## How it was measured

One run on one machine: every server in turn, `rounds` times over, so that a slow minute of the machine meets all of them. The server
with all its processes runs on one core from its start, the load on another. ONNX Runtime has one thread everywhere. wrk asks in a
closed loop on 1, 16 or 64 connections with distinct bodies in turn; before that each server's answers to all of them are held
against onnxruntime's (1e-4), and it is warmed up. Each figure is the median of the rounds, each ratio that of the
rounds' own ratios. Compare ratios, not absolute figures:
differences under 10 % are noise, and `spread` says how far the rounds were apart.

Peers are as their documentation writes them (`tests/bench/peers`), pinned, each in its own virtual environment, one process.
Where they batch: at most 32 requests, within 5 ms. `gpux serve` gets one thread, for which it has no setting, and a graph that
takes doubles without a declared shape, without which it answers 400. BentoML's batchable endpoint and LitServe's
batching pad samples of many lengths.

- **requests/s**: answers with a status below 400. **of bare**, **of raw**: the same, by the bare server's, and by raw onnxruntime's
  at its best batch size (for JPEG: after Pillow's decoding and resizing on the same core).
- **p50, p99**: of all answers. **CPU µs**: of all the server's processes, for each answer, from /proc.
- **errors**: answers of 400 and above, broken connections and time-outs; the median of a window's.
- **bare ASGI**: a function on uvicorn with httptools and uvloop, orjson, and the run inline: no framework, no checks, no queue. The floor.
- **tiny**: an MLP of 4, 32 and 3. **encoder**: all-MiniLM-L6-v2's graph, 32 tokens a text, all hidden states in the answer.
  **image**: MobileNetV2, [1, 3, 224, 224]. **JPEG**: the same net with a file of 640x480 in.
- **start**: from the start of the process to the first answer with status 200, with sources compiled and files in the page cache."""


def render(record: Record) -> str:
    """The generated part of the page."""
    machine, plan = record["machine"], record["plan"]
    parts = [
        "# Benchmarks",
        f"Written by `make bench` on {machine['date']} at commit {machine['commit']}: rounds: {plan['rounds']}, windows of "
        f"{plan['seconds']:g} s, twice as long where answers are slow.",
        f"Machine: {machine['cpu']}, {machine['cpus']} CPUs, {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}. Server on CPU {machine['server_core']}, load on CPU {machine['load_core']}.",
        *_warnings(record),
        "![Requests per second of each server](images/benchmarks.png)",
        "## Targets",
        tables.targets(record),
        "## Requests per second",
        tables.summary(record),
        "## Start and memory, tiny model",
        tables.starts(record),
        "## Overload",
        f"The encoder, {plan['overload_seconds']:g} s of three times the capacity just measured, in an open loop; an answer within "
        f"{plan['deadline']:g} s counts. Callers go away after {3 * plan['deadline']:g} s.",
        tables.overload(record),
        HOW,
        "## Every case",
        *(tables.details(record, case) for case in CASES if case.key in record["windows"]),
        "## Versions",
        _versions(record),
        *_left_out(record),
    ]
    return "\n\n".join(parts) + "\n"


def merge(generated: str, existing: str) -> str:
    """The page with what people wrote below the marker of the existing one."""
    _, _, kept = existing.partition(MARKER)
    return f"{generated}\n{MARKER}\n\n{kept.strip()}".rstrip() + "\n"


def _warnings(record: Record) -> list[str]:
    others = figures.disturbance(record)
    if others <= BUSY:
        return [f"Other programs used {others:.0%} of a core meanwhile (median)."]
    return [
        f"**Other programs used {others:.0%} of a core meanwhile (median): the figures are not to be trusted.** "
        "Run it on a machine that does nothing else."
    ]


def _versions(record: Record) -> str:
    rows = [
        [who, ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))]
        for who, packages in record["packages"].items()
    ]
    sources = "; ".join(f"{name}: {source}" for name, source in record["models"].items())
    return f"{tables.table(['environment', 'packages'], rows)}\n\nWeights: {sources}."


def _left_out(record: Record) -> list[str]:
    lines = [f"- {failure['entry']}, {failure['where']}: {failure['why']}" for failure in record["failures"]]
    lines += [f"- {note}." for note in record["notes"]]
    return ["## Left out, and notes", "\n".join(lines)] if lines else []
