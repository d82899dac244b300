"""Callers that wait for the end of a task: a future each, no thread."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from gpux_predictor.tasks.records import ENDED, Task
from gpux_predictor.tasks.store import TaskStore

_LOOK_SECONDS = 0.25
"""How often a task is looked at that another process may end."""


class _Event(asyncio.Event):
    """Of one task: set once and then let go, so that nobody clears what another has not seen."""

    waiters = 0


class Waiting:
    """Long polls of one store.

    Args:
        store: where the tasks are.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._events: dict[str, _Event] = {}
        self._stopped = False

    def ended(self, ids: Iterable[str]) -> None:
        """Wakes who waits for these."""
        if self._events:
            for task_id in ids:
                if (event := self._events.pop(task_id, None)) is not None:
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
        while True:
            with self._event(task_id) as event:  # before the look: an end between the two is not missed
                task = await self._store.get(task_id)
                left = until - loop.time()
                if task.state in ENDED or left <= 0 or self._stopped:
                    return task
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), left if self._store.local else min(left, _LOOK_SECONDS))

    @contextmanager
    def _event(self, task_id: str) -> Iterator[_Event]:
        event = self._events.setdefault(task_id, _Event())
        event.waiters += 1
        try:
            yield event
        finally:
            event.waiters -= 1
            if not event.waiters and self._events.get(task_id) is event:
                del self._events[task_id]
