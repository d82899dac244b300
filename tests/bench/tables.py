"""The record as Markdown. All pure."""

import math
import statistics
from collections.abc import Sequence

from . import figures
from .cases import CASES, Case
from .contestants import ENTRIES
from .figures import Record
from .targets import TARGETS


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def number(value: float | None, *, missing: str = "-") -> str:
    """Three significant digits, thousands apart."""
    if value is None or math.isnan(value):
        return missing
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1g}"


def summary(record: Record) -> str:
    """Requests a second of every server in every case."""
    cases = [case for case in CASES if case.key in record["windows"]]
    measured = [entry for entry in ENTRIES if any(entry in record["windows"][case.key] for case in cases)]
    rows = [[entry, *(number(figures.median(record, case.key, entry, "rate")) for case in cases)] for entry in measured]
    first = [
        "raw onnxruntime, batch 1",
        *(number(figures.raw(record, case.model, _key(case)).get(1)) for case in cases),
    ]
    best = [
        "raw onnxruntime, best batch",
        *(number(figures.ceiling(record, case.model, mixed=case.mixed)) for case in cases),
    ]
    return table(["requests/s", *(case.key for case in cases)], [first, best, *rows])


def _key(case: Case) -> str:
    return "mixed" if case.mixed else "rates"


def details(record: Record, case: Case) -> str:
    """Everything about one case."""
    ceilings = figures.ceilings(record, case.model, mixed=case.mixed)
    bare = figures.by_round(record, case.key, "bare ASGI", "rate")
    rows = []
    for entry in (entry for entry in ENTRIES if entry in record["windows"][case.key]):
        rate, p50, p99, cpu, errors = (
            figures.median(record, case.key, entry, name) for name in ("rate", "p50", "p99", "cpu", "errors")
        )
        rates = figures.by_round(record, case.key, entry, "rate")
        shares = [number(figures.paired(rates, other)) for other in (bare, ceilings)]
        apart = f"{figures.spread(record, case.key, entry):.0%}"
        rows.append([entry, number(rate), *shares, number(p50), number(p99), number(cpu), number(errors), apart])
    head = [case.key, "requests/s", "of bare", "of raw", "p50 ms", "p99 ms", "CPU µs", "errors", "spread"]
    return table(head, rows)


def targets(record: Record) -> str:
    """Each target, what was found, and whether it is met."""
    rows = []
    for target in TARGETS:
        found = target.find(record)
        verdict = "not measured" if found is None else "met" if target.met(found) else "**missed**"
        rows.append([target.case, target.what, f"{target.sign} {target.limit:g}", number(found), verdict])
    return table(["case", "figure", "target", "found", ""], rows)


def starts(record: Record) -> str:
    """Start-up time and memory with the tiny model."""
    names = ("ready_seconds", "rss_megabytes", "loaded_megabytes")
    rows = [
        [label, *(number(statistics.median(figures.start(record, label, name))) for name in names)]
        for label in record["starts"]
    ]
    return table(["server", "start to first answer, s", "RSS then, MB", "RSS after the load, MB"], rows)


def overload(record: Record) -> str:
    """What became of three times the capacity."""
    rows = []
    for entry, found in record.get("overload", {}).items():
        if "why" in found:
            rows.append([entry, *["-"] * 5, found["why"]])
            continue
        said = ", ".join(f"{status}: {count}" for status, count in sorted(found["statuses"].items()) if count)
        names = ("capacity", "offered", "goodput", "p50", "p99")
        rows.append([entry, *(number(found[name]) for name in names), said])
    return table(["server", "capacity/s", "offered/s", "goodput/s", "p50 of 200s, ms", "p99, ms", "callers got"], rows)
