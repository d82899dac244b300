"""Ends that are on their way to the store: together where several wait, again where the store is away."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence

from gpux_predictor.errors import RequestError
from gpux_predictor.tasks.records import Outcome

logger = logging.getLogger(__name__)
MOST_RESULT_BYTES = 128 * 2**20
"""Of one result; stores have limits of 512 MB and 1 GB."""
_MOST_BYTES = 16 * 2**20
"""Of what is written together."""
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
        self._waiting: deque[Outcome] = deque()
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to write."""
        self._loop = asyncio.create_task(self._writing())

    def put(self, outcome: Outcome) -> None:
        """Takes an outcome; it is written soon."""
        if outcome.result is not None and len(outcome.result) > MOST_RESULT_BYTES:
            error = f"The result is larger than {MOST_RESULT_BYTES} bytes: submit fewer samples at once"
            outcome = Outcome(outcome.id, outcome.attempt, None, error)
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
        together = True
        while True:
            await self._filled.wait()
            group = self._group() if together else [self._waiting[0]]
            try:
                await self._write(group)
            except Exception as error:
                # by itself next time, and behind the others: one that is never written holds up no other
                together = not together if len(group) == 1 else False
                self._waiting.rotate(-1)
                self._say(group, error)
                await asyncio.sleep(_RETRY_SECONDS if len(group) == 1 else 0)
                continue
            together = True
            ids = {id(outcome) for outcome in group}
            self._waiting = deque(outcome for outcome in self._waiting if id(outcome) not in ids)
            self._written(group)
            if not self._waiting:
                self._filled.clear()
                self._empty.set()

    def _group(self) -> list[Outcome]:
        """The first that wait, as many as go together."""
        group: list[Outcome] = []
        size = 0
        for outcome in self._waiting:
            size += len(outcome.result or b"")
            if group and size > _MOST_BYTES:
                break
            group.append(outcome)
        return group

    def _say(self, group: Sequence[Outcome], error: Exception) -> None:
        known = isinstance(error, RequestError)
        logger.warning("the ends of %d tasks are written later: %s", len(group), error, exc_info=not known)
