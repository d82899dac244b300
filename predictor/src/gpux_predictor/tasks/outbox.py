"""Ends that are on their way to the store: together where several wait, again where the store is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

from gpux_predictor.errors import RequestError
from gpux_predictor.tasks.records import Outcome

logger = logging.getLogger(__name__)
_RETRY_SECONDS = 0.5
_STOP_SECONDS = 5.0


class Outbox:
    """Writes outcomes one group at a time.

    Args:
        write: writes a group; raises RequestError if it cannot now.
        written: hears of each group that is written.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Outcome]], Awaitable[None]],
        written: Callable[[Collection[Outcome]], None],
    ) -> None:
        self._write = write
        self._written = written
        self._waiting: list[Outcome] = []
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to write."""
        self._loop = asyncio.create_task(self._writing())

    def put(self, outcome: Outcome) -> None:
        """Takes an outcome; it is written soon."""
        self._waiting.append(outcome)
        self._empty.clear()
        self._filled.set()

    async def stop(self) -> None:
        """Writes what waits, for some seconds at most. What is not written then runs again elsewhere."""
        try:
            await asyncio.wait_for(self._empty.wait(), _STOP_SECONDS)
        except TimeoutError:
            logger.warning("the ends of %d tasks could not be written: they run again", len(self._waiting))
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _writing(self) -> None:
        while True:
            await self._filled.wait()
            group, self._waiting = self._waiting, []
            self._filled.clear()
            try:
                await self._write(group)
            except RequestError as error:
                logger.warning("the ends of %d tasks are written later: %s", len(group), error.detail)
                self._waiting = group + self._waiting
                await asyncio.sleep(_RETRY_SECONDS)
                self._filled.set()
                continue
            self._written(group)
            if not self._waiting:
                self._empty.set()
