"""The rounds: every server for a moment, then every server again, so that a slow minute of the machine meets all of them."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import accounting, cases, check, contestants, load, raw
from .cases import Case
from .contestants import Contestant
from .cores import Cores
from .dialects import DIALECTS
from .environments import InstallError
from .models import Model
from .progress import say
from .servers import Running, StartError, serve

WARM_UP_SECONDS = 1.0
WARM_UP_CONNECTIONS = 16


@dataclass
class Results:
    """What the rounds found, as it is written to JSON.

    Attributes:
        raw: by model, one entry a round (`raw.measure`).
        windows: by case and entry, one `load.Window` a round.
        starts: by entry of the tiny model, `ready_seconds`, `rss_megabytes` (ready) and `loaded_megabytes` (after the load).
        failures: what could not be measured, and why.
        notes: what a reader has to know about a figure.
    """

    raw: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    windows: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    starts: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What to measure, on which cores, and for how long."""

    models: Sequence[Model]
    contestants: Sequence[Contestant]
    cores: Cores
    rounds: int
    seconds: float


def run(plan: Plan) -> Results:
    """All rounds. A server that fails is left out from then on, and said to have."""
    results = Results()
    broken: set[tuple[str, str]] = set()
    for number in range(plan.rounds):
        for model in plan.models:
            say(f"round {number + 1} of {plan.rounds}: {model.name}: raw onnxruntime")
            found = raw.measure(model, 2 * plan.seconds, plan.cores.server)
            results.raw.setdefault(model.name, []).append(found)
            for who in plan.contestants:
                if (who.name, model.name) in broken or not _asked(who, model):
                    continue
                say(f"round {number + 1} of {plan.rounds}: {model.name}: {who.label}")
                try:
                    _visit(plan, who, model, results, first=number == 0)
                except (StartError, InstallError, load.LoadError) as error:
                    broken.add((who.name, model.name))
                    results.failures.append({"entry": who.label, "where": model.name, "why": str(error)})
                    say(f"  {who.label} is left out: {error}")
    return results


def _asked(who: Contestant, model: Model) -> list[tuple[Case, str]]:
    """The cases of a model that a server takes part in, with the dialect of each."""
    return [(case, name) for case in cases.of(model.name) for name in who.dialects if DIALECTS[name].kind == case.kind]


def _visit(plan: Plan, who: Contestant, model: Model, results: Results, *, first: bool) -> None:
    """Starts a server, checks its answers, and takes one window of each of its cases."""
    asked = _asked(who, model)
    command = contestants.command(who, model)
    opening = asked[0][0].requests(model, DIALECTS[asked[0][1]])[0]
    if (
        first and model.name == "tiny"
    ):  # a first start compiles Python and reads the disk; only the later ones are counted
        with serve(command, plan.cores.server, opening):
            pass
    with serve(command, plan.cores.server, opening) as server, tempfile.TemporaryDirectory() as bodies:
        wrong = {
            case.key + name for case, name in asked if first and not _right(server, who, model, case, name, results)
        }
        warmed: set[tuple[str, bool]] = set()
        for case, name in asked:
            if case.key + name in wrong or any(_is(failure, who, name, case) for failure in results.failures):
                continue
            folder = Path(bodies) / f"{case.kind}-{case.mixed}-{name}"
            requests = case.requests(model, DIALECTS[name])
            if (name, case.mixed) not in warmed:
                load.write(folder, requests)
                load.run(server, folder, requests, WARM_UP_CONNECTIONS, WARM_UP_SECONDS, plan.cores.load)
                warmed.add((name, case.mixed))
            window = load.run(server, folder, requests, case.connections, plan.seconds * case.stretch, plan.cores.load)
            row = results.windows.setdefault(case.key, {}).setdefault(who.entry(name), [])
            row.append(asdict(window))
            say(
                f"  {case.key:40} {who.entry(name):24} {window.rate:9.1f}/s  p50 {window.p50:.2f} ms  {window.errors} errors"
            )
        _note_start(plan, who, model, server, results)


def _right(server: Running, who: Contestant, model: Model, case: Case, name: str, results: Results) -> bool:
    """Whether a server's answers are onnxruntime's; if not, it is said and the case left out for it."""
    problem = check.answers_of(server, model, case, DIALECTS[name])
    if problem:
        results.failures.append({"entry": who.entry(name), "where": case.key, "why": problem})
        say(f"  {who.entry(name)} is left out of {case.key}: {problem}")
    return not problem


def _is(failure: dict[str, str], who: Contestant, name: str, case: Case) -> bool:
    return failure["entry"] == who.entry(name) and failure["where"] == case.key


def _note_start(plan: Plan, who: Contestant, model: Model, server: Running, results: Results) -> None:
    usage = accounting.tree(server.pid)
    if strays := accounting.strays(usage, plan.cores.server):
        note = f"{who.label}, {model.name}: {strays} of its threads may leave the server's core"
        if note not in results.notes:
            results.notes.append(note)
    if model.name == "tiny":
        start = {
            "ready_seconds": server.ready_seconds,
            "rss_megabytes": server.rss_megabytes,
            "loaded_megabytes": accounting.rss_megabytes(usage),
        }
        results.starts.setdefault(who.label, []).append(start)
