"""What a store of tasks does. One contract test-suite holds every store to it."""

from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Protocol

from gpux_predictor.errors import RequestError
from gpux_predictor.tasks.callback_records import Callback, CallbackOutcome
from gpux_predictor.tasks.records import Appetite, Claimed, Counts, NewTask, Outcome, Page, State, Submitted, Task

CANCELLED = "Cancelled by DELETE"
"""The error of a task that its caller cancelled."""


class QueueFull(RequestError):
    """As many tasks wait as may."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class StoreUnavailable(RequestError):
    """The store does not answer; what it holds is safe."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class StoreFull(RequestError):
    """The store has no room for another body."""

    status = HTTPStatus.INSUFFICIENT_STORAGE


class NoSuchTask(RequestError):
    """There is no task of that id, or no more."""

    status = HTTPStatus.NOT_FOUND


class KeyReused(RequestError):
    """An Idempotency-Key that belongs to another body."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TaskStore(Protocol):
    """Tasks and their states, each change of which is durable once its call returns.

    Every method raises StoreUnavailable if the store does not answer and StoreFull if it has no room.
    """

    local: bool
    """Whether this process alone works on its tasks."""

    async def open(self) -> None:
        """Makes the store usable."""

    async def close(self) -> None:
        """Lets the store go."""

    async def submit(self, task: NewTask) -> Submitted:
        """Accepts a task.

        Raises:
            QueueFull: as many wait as may.
            KeyReused: the key belongs to a task with another body.
        """

    async def claim(self, worker: str, appetite: Appetite) -> list[Claimed]:
        """Leases the tasks that have waited longest to a worker. One that saw its worker die comes alone."""

    async def renew(self, worker: str, ids: Collection[str]) -> set[str]:
        """Prolongs the leases of a worker; tells the ids that are no longer its own."""

    async def finish(self, worker: str, outcomes: Sequence[Outcome]) -> None:
        """Ends tasks, or queues them again. What is no longer the worker's, or has ended, stays as it is."""

    async def release(self, worker: str, ids: Collection[str]) -> None:
        """Gives tasks back that did not run; their attempt does not count."""

    async def get(self, task_id: str) -> Task:
        """A task as it is now.

        Raises:
            NoSuchTask: saying whether it has expired or never was.
        """

    async def cancel(self, task_id: str) -> Task:
        """Ends a task that has not ended, and tells how it is then.

        Raises:
            NoSuchTask: as `get`.
        """

    async def page(self, states: Collection[State], after: str | None, most: int) -> Page:
        """Tasks of these states, the newest first, without results.

        Args:
            after: `after` of the page before.

        Raises:
            NoSuchTask: there is no task `after`.
        """

    async def counts(self) -> Counts:
        """How many there are."""

    async def recover(self, worker: str, held: Collection[str]) -> None:
        """Gives back what is leased to the worker without its knowledge, as after a claim whose answer was lost."""

    async def sweep(self) -> bool:
        """Takes tasks back whose lease has run out, and removes those that have expired; whether there may be more."""

    async def due_callbacks(self, most: int, under_way: Sequence[str] = ()) -> list[Callback]:
        """Leases notices that are due; each comes again if nothing is heard of it.

        Args:
            most: how many.
            under_way: the hosts of attempts that the caller makes already; no host gets more than CALLBACKS_OF_A_HOST with them.
        """

    async def settle_callbacks(self, outcomes: Sequence[CallbackOutcome]) -> None:
        """Says how notices went."""


def died(attempts: int) -> str:
    """The error of a task whose workers died each time."""
    times = "once" if attempts == 1 else f"{attempts} times"
    return f"The predictor died or was cut off {times} while this task ran (spec.async.maxAttempts: {attempts})"


def full(most: int) -> str:
    """The detail of QueueFull."""
    return f"{most} tasks wait already (spec.async.maxQueued)"


def no_room(most: int) -> str:
    """The detail of StoreFull."""
    return (
        f"The bodies and results of tasks would take more than {most} bytes (spec.async.maxStored): come back once some have "
        "run or expired"
    )


def reused(key: str) -> str:
    """The detail of KeyReused."""
    return f"Idempotency-Key '{key}' was used with another body: choose another key"
