"""A request in the queue, a batch of them, and what comes back."""

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class RunOptions(Protocol):
    """What a run can be stopped by: `onnxruntime.RunOptions`."""

    terminate: bool


@dataclass(slots=True)
class Timing:
    """Seconds that a request waited and ran, and how many rows ran with it, its own included."""

    queue: float
    run: float
    rows: int


@dataclass(slots=True)
class Result:
    """The outputs of a request, with a row for each of its samples."""

    outputs: dict[str, Any]
    timing: Timing


@dataclass(slots=True, eq=False)
class Item:
    """A request that waits or runs.

    Attributes:
        share: the seconds that it adds to a full batch.
        deadline: on the loop's clock.
        dead: nobody waits for it any more.
    """

    arrays: Mapping[str, np.ndarray]
    rows: int
    key: Hashable
    share: float
    queued: float
    deadline: float
    future: "asyncio.Future[Result]"
    batch: "Batch | None" = None
    dead: bool = False


@dataclass(slots=True, eq=False)
class Batch:
    """Items that run together; `options` stops the run."""

    items: list[Item]
    options: RunOptions
    started: float
    rows: int = field(init=False)
    share: float = field(init=False)

    def __post_init__(self) -> None:
        self.rows = sum(item.rows for item in self.items)
        self.share = sum(item.share for item in self.items)
        for item in self.items:
            item.batch = self

    def stop_if_unwanted(self) -> None:
        """Stops the run once nobody waits for any of its items."""
        if all(item.dead for item in self.items):
            self.options.terminate = True
