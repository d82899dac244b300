"""Overload: three times what a server can do, for a minute."""

import resource
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import cases, contestants, load, overload
from .contestants import Contestant
from .cores import Cores
from .dialects import DIALECTS
from .environments import InstallError
from .models import Model
from .servers import StartError, serve

CONTESTANTS = ("kserve", contestants.OURS)
DEADLINE = 1
"""Seconds: `runtime.timeoutSeconds` of ours, and how long a caller's answer is of use for all."""
TIMES = 3.0
CONNECTIONS = 64
CAPACITY_CONNECTIONS = 16
"""Full batches, and no queue that the deadline would refuse: refusals cost time and are no answers."""
CAPACITY_SECONDS = 5.0


def measure(who: Contestant, model: Model, cores: Cores, seconds: float) -> dict[str, Any]:
    """A server's capacity in a closed loop, then what it does with three times as much in an open one.

    Returns:
        `capacity` in requests a second, and the fields of `overload.Summary`; or `why` it could not be measured.
    """
    allow_files()
    case = next(case for case in cases.of(model.name) if case.connections == CONNECTIONS)
    dialect = DIALECTS[who.dialects[0]]
    requests = case.requests(model, dialect)
    try:
        command = contestants.command(who, model, {"timeoutSeconds": DEADLINE})
        with serve(command, cores.server, requests[0]) as server, tempfile.TemporaryDirectory() as folder:
            bodies = Path(folder)
            load.write(bodies, requests)
            load.run(server, bodies, requests, CONNECTIONS, 1, cores.load)
            capacity = load.run(server, bodies, requests, CAPACITY_CONNECTIONS, CAPACITY_SECONDS, cores.load).rate
            if capacity == 0:
                return {
                    "why": f"no answer with status 200 in {CAPACITY_SECONDS:g} s of {CAPACITY_CONNECTIONS} connections"
                }
            load.settle(server)
            found = overload.run(server.port, requests, capacity * TIMES, seconds, DEADLINE)
    except (StartError, InstallError, load.LoadError) as error:
        return {"why": str(error)}
    return {"capacity": capacity, **asdict(found)}


def allow_files() -> None:
    """As many connections as the system lets this process, and the servers it starts, have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
