"""Callers that wait for the end of a task: a future each, no thread."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from gpux_predictor.tasks.records import ENDED, Task
from gpux_predictor.tasks.store import TaskStore

_LOOK_SECONDS = 0.25
"""How often a task is looked at that another process may end."""


class Waiting:
    """Long polls of one store.

    Args:
        store: where the tasks are.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._events: dict[str, asyncio.Event] = {}
        self._count: dict[str, int] = {}
        self._stopped = False

    def ended(self, ids: Iterable[str]) -> None:
        """Wakes who waits for these."""
        if self._events:
            for task_id in ids:
                if (event := self._events.get(task_id)) is not None:
                    event.set()

    def stop(self) -> None:
        """Wakes everybody, and keeps nobody waiting from now on."""
        self._stopped = True
        self.ended(list(self._events))

    async def wait(self, task_id: str, seconds: float) -> Task:
        """The task once it has ended, or as it is after so many seconds.

        Raises:
            RequestError: there is no such task, or the store does not answer.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        event = self._events.setdefault(task_id, asyncio.Event())
        self._count[task_id] = self._count.get(task_id, 0) + 1
        try:
            while True:
                event.clear()  # an attempt that is followed by another sets it, too
                task = await self._store.get(task_id)
                left = until - loop.time()
                if task.state in ENDED or left <= 0 or self._stopped:
                    return task
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), left if self._store.local else min(left, _LOOK_SECONDS))
        finally:
            self._leave(task_id)

    def _leave(self, task_id: str) -> None:
        self._count[task_id] -= 1
        if not self._count[task_id]:
            del self._count[task_id], self._events[task_id]
