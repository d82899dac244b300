"""`make bench`: how ONNX servers compare on this machine, in one run."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import cores, load, machine, models, report, rounds, stress, tables
from .cases import MODELS, OVERLOAD
from .contestants import CONTESTANTS, Contestant
from .environments import folder
from .progress import say

DOCS = machine.ROOT / "docs"


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__)
    choices = [*MODELS, OVERLOAD, *(who.name for who in CONTESTANTS)]
    parser.add_argument(
        "--only", nargs="+", choices=choices, default=[], metavar="NAME",
        help=f"only these models and servers: {', '.join(choices)}; what is written to docs is left as it is",
    )  # fmt: skip
    parser.add_argument(
        "--seconds",
        type=float,
        default=2,
        help="a window; twice as long where answers are slow (default 2)",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each server is measured (default 3: 25 minutes in all)"
    )
    parser.add_argument("--overload-seconds", type=float, default=60, help="how long the overload lasts (default 60)")
    parser.add_argument("--output", choices=["table", "json"], default="table", help="what is printed at the end")
    parser.add_argument(
        "--render", type=Path, metavar="FILE", help="measure nothing: write docs from this record of a run"
    )
    parser.add_argument(
        "--docs", type=Path, help=f"write the page and the plot here (default {DOCS.name}, if all is measured)"
    )
    return parser.parse_args(argv)


def chosen(only: Sequence[str]) -> tuple[list[str], list[Contestant], bool]:
    """The models, the servers, and whether to overload; without a name of a kind all of it."""
    named = [name for name in (*MODELS, OVERLOAD) if name in only] or [*MODELS, OVERLOAD]
    servers = [who for who in CONTESTANTS if who.name in only] or list(CONTESTANTS)
    return [name for name in named if name != OVERLOAD], servers, OVERLOAD in named


def measure(options: argparse.Namespace, placed: cores.Cores) -> dict[str, Any]:
    """The whole run, as a record that JSON can hold."""
    os.sched_setaffinity(0, {placed.load})
    facts = machine.describe(placed)
    say(
        f"{facts['cpu']}: server on CPU {placed.server}, load on CPU {placed.load}; load average {facts['load_average']}"
    )
    names, servers, overload = chosen(options.only)
    home = folder() / "models"
    built = {name: models.build(name, home) for name in dict.fromkeys([*names, *(["encoder"] if overload else [])])}
    plan = rounds.Plan([built[name] for name in names], servers, placed, options.rounds, options.seconds)
    results = asdict(rounds.run(plan))
    found = {}
    for who in servers if overload else []:
        if who.name in stress.CONTESTANTS:
            say(f"overload: {who.label}, {options.overload_seconds:g} s")
            found[who.label] = stress.measure(who, built["encoder"], placed, options.overload_seconds)
    return {
        "machine": facts,
        "plan": {"rounds": options.rounds, "seconds": options.seconds, "overload_seconds": options.overload_seconds,
                 "deadline": stress.DEADLINE},
        "packages": machine.packages(dict.fromkeys(who.peer for who in servers if who.peer)),
        "models": {name: model.source for name, model in built.items()},
        **results,
        "overload": found,
    }  # fmt: skip


def write(record: dict[str, Any], docs: Path) -> None:
    """The page and the plot."""
    from . import plot  # noqa: PLC0415  (matplotlib takes a second and memory that the measuring can do without)

    page = docs / "benchmarks.md"
    docs.mkdir(parents=True, exist_ok=True)
    page.write_text(report.merge(report.render(record), page.read_text() if page.exists() else ""))
    plot.draw(record, docs / "images" / "benchmarks.png")
    say(f"wrote {page} and its plot")


def main() -> int:
    """Measures, writes and prints; 1 if this machine cannot run it."""
    options = arguments()
    if options.render:
        record = json.loads(options.render.read_text())
    else:
        placed = cores.find()
        if placed is None or not load.installed():
            print(load.MISSING if placed else "bench: needs Linux and two CPUs: one serves, one asks", file=sys.stderr)
            return 1
        record = measure(options, placed)
        kept = folder() / "record.json"
        kept.write_text(json.dumps(record, indent=1))
        say(f"kept the record in {kept}")
    if options.docs or not options.only:
        write(record, options.docs or DOCS)
    print(json.dumps(record) if options.output == "json" else f"{tables.targets(record)}\n\n{tables.summary(record)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
