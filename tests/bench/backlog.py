"""`python -m tests.bench.backlog`: how fast a backlog of tasks drains, and what it costs those who ask meanwhile.

The tasks are in the store before the server starts. A drain is compared with the same server's answers to 64 connections that ask
/predict; the latency of one connection beside a backlog, with its latency without.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from gpux_predictor.tasks.embedded.store import EmbeddedStore
from gpux_predictor.tasks.records import NewTask, Terms
from gpux_predictor.tasks.shared.store import SharedStore
from gpux_predictor.tasks.store import TaskStore
from redisserver import redis_server

from . import cases, contestants, cores, load, models
from .cores import Cores
from .dialects import DIALECTS, NAME, Request
from .environments import folder
from .models import Model
from .progress import say
from .servers import Command, Running, serve

STORES = ("embedded", "redis")
TASKS = {"tiny": 50_000, "encoder": 3_000}


@dataclass(frozen=True)
class Figures:
    """One model with one store.

    Attributes:
        drain: tasks a second, from the first to the last.
        sync: answers a second to 64 connections.
        alone, beside: milliseconds p50 and p99 of one connection without and with a backlog.
        meanwhile: tasks a second beside that connection.
    """

    model: str
    store: str
    drain: float
    sync: float
    alone: tuple[float, float]
    beside: tuple[float, float]
    meanwhile: float


async def fill(store: TaskStore, requests: list[Request], count: int) -> None:
    """Puts tasks into a store, the requests in turn."""
    await store.open()
    for start in range(0, count, 500):
        bodies = [requests[i % len(requests)].content for i in range(start, min(count, start + 500))]
        await asyncio.gather(*(store.submit(NewTask(body, "application/json")) for body in bodies))
    await store.close()


def queued(server: Running) -> int:
    """Tasks that have not ended."""
    found = httpx.get(f"{server.url}/monitoring/queue", timeout=30, trust_env=False).json()
    return int(found["queued"] + found["running"])


def drain(server: Running) -> float:
    """Tasks a second, from the first look to the last task."""
    first, started = queued(server), time.perf_counter()
    while queued(server):
        time.sleep(0.1)
    return first / (time.perf_counter() - started)


@contextmanager
def where(kind: str, home: Path, model: Model) -> Iterator[tuple[Command, Callable[[], TaskStore]]]:
    """The command of a server, and what makes the store that it will open."""
    terms = Terms(most_queued=10**7)
    made = contestants.manifest(model)
    made["spec"]["async"] = {"maxQueued": 10**7}
    command = contestants.ours(model)
    file = model.file.with_name(f"{model.name}-tasks-{kind}.yaml")
    arguments = [str(file) if part.endswith(".yaml") else part for part in command.arguments]
    arguments[arguments.index("--state-dir") + 1] = str(home / "state")
    if kind == "embedded":
        file.write_text(yaml.safe_dump(made))
        yield Command(arguments, {}), lambda: EmbeddedStore(home / "state", terms)
        return
    made["spec"]["async"] |= {"store": "redis", "redisUrlSecretRef": {"name": "redis"}}
    file.write_text(yaml.safe_dump(made))
    with redis_server(home) as redis:
        url = redis.url
        yield Command(arguments, {"GPUX_REDIS_URL": url}), lambda: SharedStore(url, f"default/{NAME}", terms)


def measure(model: Model, kind: str, placed: Cores, seconds: float) -> Figures:
    """One model with one store."""
    case = next(case for case in cases.of(model.name) if case.connections == 64)
    requests = case.requests(model, DIALECTS["predict"])
    with tempfile.TemporaryDirectory(prefix="gpux-bench-") as name:
        home = Path(name)
        load.write(home / "bodies", requests)

        def ask(server: Running, connections: int) -> load.Window:
            return load.run(server, home / "bodies", requests, connections, seconds, placed.load)

        with where(kind, home, model) as (command, store):
            say(f"{model.name}, {kind}: {TASKS[model.name]} tasks")
            asyncio.run(fill(store(), requests, TASKS[model.name]))
            with serve(command, placed.server, requests[0]) as server:
                drained = drain(server)
                ask(server, 64)
                sync, alone = ask(server, 64).rate, ask(server, 1)
            asyncio.run(fill(store(), requests, 4 * TASKS[model.name]))
            with serve(command, placed.server, requests[0]) as server:
                before = queued(server)
                beside = load.run(server, home / "bodies", requests, 1, seconds, placed.load, quiet=False)
                meanwhile = (before - queued(server)) / seconds
    return Figures(
        model.name, kind, drained, sync, (alone.p50, alone.p99), (beside.p50, beside.p99), meanwhile
    )  # fmt: skip


def shown(figures: Figures) -> str:
    """A line of the table."""
    ratio = figures.beside[0] / figures.alone[0]
    return (
        f"| {figures.model} | {figures.store} | {figures.sync:.0f} | {figures.drain:.0f} | {figures.drain / figures.sync:.2f} "
        f"| {figures.alone[0]:.2f} / {figures.alone[1]:.2f} | {figures.beside[0]:.2f} / {figures.beside[1]:.2f} | {ratio:.2f} "
        f"| {figures.meanwhile:.0f} |"
    )


def main() -> int:
    """Measures and prints; 1 if this machine cannot run it."""
    parser = argparse.ArgumentParser("python -m tests.bench.backlog", description=__doc__)
    parser.add_argument("--models", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--seconds", type=float, default=5, help="a window of requests (default 5)")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    placed = cores.find()
    if placed is None or not load.installed():
        print(load.MISSING if placed else "bench: needs Linux and two CPUs: one serves, one asks", file=sys.stderr)
        return 1
    os.sched_setaffinity(0, {placed.load})
    found = []
    for name in options.models:
        model = models.build(name, folder() / "models")
        found += [measure(model, kind, placed, options.seconds) for kind in options.stores]
    rows: list[dict[str, Any]] = [asdict(figures) for figures in found]
    head = "| model | store | sync c=64 /s | drain /s | ratio | c=1 p50/p99 ms | beside a backlog | ratio | tasks/s beside |"
    table = "\n".join([head, "|---" * 9 + "|", *(shown(figures) for figures in found)])
    print(json.dumps(rows) if options.output == "json" else table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
