"""An open loop: requests come at a fixed rate, whatever becomes of those before, as from many independent callers."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .dialects import Request
from .http1 import Connection, ProtocolError

GIVE_UP = 3.0
"""Deadlines after which a caller goes away."""
SLACK = 1.1
"""An answer counts as in time up to this many deadlines after it was due to be sent: the way there and back counts."""
GAVE_UP, BROKEN = 0, -1
"""In place of a status."""


@dataclass(frozen=True)
class Outcome:
    """What one caller got: a status, and the seconds since the request was due."""

    status: int
    seconds: float


@dataclass(frozen=True)
class Summary:
    """What came of an overload.

    Attributes:
        offered, goodput: requests a second; goodput counts 200s in time.
        p50, p99: milliseconds of the 200s.
        statuses: how many of each status; `late` 200s, callers that `gave up`, and `broken` connections.
        lag: the longest that a request was sent after it was due, in milliseconds: the generator's own fault.
    """

    offered: float
    goodput: float
    p50: float
    p99: float
    statuses: dict[str, int]
    lag: float


def summarise(outcomes: Sequence[Outcome], seconds: float, deadline: float, lag: float) -> Summary:
    """The figures of all outcomes."""
    accepted = [outcome.seconds for outcome in outcomes if outcome.status == 200]
    late = sum(took > deadline * SLACK for took in accepted)
    names = {GAVE_UP: "gave up", BROKEN: "broken"}
    statuses = Counter(names.get(outcome.status, str(outcome.status)) for outcome in outcomes)
    cuts = statistics.quantiles(accepted, n=100) if len(accepted) > 1 else [float("nan")] * 99
    return Summary(
        offered=len(outcomes) / seconds,
        goodput=(len(accepted) - late) / seconds,
        p50=cuts[49] * 1000,
        p99=cuts[98] * 1000,
        statuses={**statuses, "late": late},
        lag=lag * 1000,
    )


class _Callers:
    """All callers of one run: each takes an idle connection or opens one."""

    def __init__(self, port: int, deadline: float) -> None:
        self._port = port
        self._patience = deadline * GIVE_UP
        self._idle: list[Connection] = []
        self.outcomes: list[Outcome] = []

    async def call(self, request: Request, due: float) -> None:
        connection = self._idle.pop() if self._idle else None
        try:
            async with asyncio.timeout(self._patience):
                connection = connection or await Connection.open(self._port)
                status = (await connection.post(request)).status
        except TimeoutError:
            status = GAVE_UP
        except (OSError, ProtocolError):
            status = BROKEN
        if connection and status > 0:
            self._idle.append(connection)
        elif connection:
            connection.close()
        self.outcomes.append(Outcome(status, time.perf_counter() - due))

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


def run(port: int, requests: Sequence[Request], rate: float, seconds: float, deadline: float) -> Summary:
    """Offers requests at a rate for some seconds, evenly spaced.

    Args:
        port: of the server, on this machine.
        requests: sent in turn.
        rate: requests a second.
        seconds: how long; callers may wait for their answers after that.
        deadline: seconds within which an answer counts.
    """
    return asyncio.run(_run(port, requests, rate, seconds, deadline))


async def _run(port: int, requests: Sequence[Request], rate: float, seconds: float, deadline: float) -> Summary:
    callers = _Callers(port, deadline)
    tasks: set[asyncio.Task[None]] = set()
    lag, started = 0.0, time.perf_counter()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        lag = max(lag, time.perf_counter() - due)
        task = asyncio.create_task(callers.call(requests[number % len(requests)], due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    callers.close()
    return summarise(callers.outcomes, seconds, deadline, lag)
