"""What is known of a task, and what a store is told and tells. Times are seconds since the epoch, on the store's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from gpux_predictor.tasks.callback_records import CallbackStatus


class State(StrEnum):
    """Where a task is. The last two never change again."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ENDED = (State.SUCCEEDED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a store holds to.

    Attributes:
        most_queued: tasks that may wait; more are refused.
        most_attempts: tries before a task fails for good.
        result_seconds: how long an ended task is kept.
        most_bytes: of bodies and results together; more bodies are refused.
        lease_seconds: after which a task of a worker that has not been heard of goes to another.
    """

    most_queued: int = 10_000
    most_attempts: int = 3
    result_seconds: float = 3600.0
    most_bytes: int = 2**30
    lease_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a caller submits.

    Attributes:
        body: as /predict takes it.
        content_type: of the body.
        key: the caller's Idempotency-Key.
        callback: where the end is told.
        client: whose API key came with it; None without keys.
        trace: the `traceparent` of the request that submits it; None where nobody traces.
    """

    body: bytes
    content_type: str
    key: str | None = None
    callback: str | None = None
    client: str | None = None
    trace: str | None = None

    def digest(self) -> bytes:
        """What tells it from another task with the same key (SHA-256): the body and its type."""
        return sha256(self.content_type.encode() + b"\0" + self.body).digest()


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission.

    Attributes:
        position: how many wait, this one included; 0 once it runs or has ended.
        fresh: False if a task with this key was there already.
    """

    id: str
    position: int
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Appetite:
    """How much a worker takes at once.

    Attributes:
        tasks, bytes: at most; one task of any size is always taken.
        idle: nothing runs here, so that a task may be taken that saw a worker die: it runs alone, and takes nobody with it.
    """

    tasks: int
    bytes: int = 64 * 2**20
    idle: bool = True


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task that a worker runs; `attempt` counts from 1 and goes with its outcome, `trace` is its submission's."""

    id: str
    attempt: int
    body: bytes
    content_type: str
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: a result in JSON, or an error.

    Attributes:
        again: the error may go away; the task is tried again if it has attempts left.
    """

    id: str
    attempt: int
    result: bytes | None = None
    error: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What pollers are told.

    Attributes:
        result: JSON, of a task that succeeded.
        error: of a task that failed.
    """

    id: str
    state: State
    attempts: int
    submitted: float
    started: float | None = None
    ended: float | None = None
    result: bytes | None = None
    error: str | None = None
    callback: CallbackStatus | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of many tasks.

    Attributes:
        after: where the next page begins, the id of a task; None if there is none.
    """

    tasks: list[Task]
    after: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks are in each state, how long the oldest of those that wait has waited, and what all take in bytes."""

    states: Mapping[State, int] = field(default_factory=dict)
    oldest_seconds: float = 0.0
    bytes: int = 0
