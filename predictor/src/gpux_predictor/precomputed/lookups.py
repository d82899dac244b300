"""The newest result of a folder, as it changes under a running server.

One thread of its own reads: it looks at the pointer at most once a second, opens what it names, and answers. So nothing is shared
and nothing locked, and a slow volume holds up look-ups only.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import orjson

from gpux_predictor import metrics
from gpux_predictor.errors import NotReady
from gpux_predictor.precomputed import layout
from gpux_predictor.precomputed.errors import OutputError
from gpux_predictor.precomputed.result import Found, Page, Result

logger = logging.getLogger(__name__)
T = TypeVar("T")
LOOK_SECONDS = 1.0


class Lookups:
    """Look-ups in the newest result.

    Args:
        folder: of the results; it may not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "lookups")
        self._result: Result | None = None
        self._seen: tuple[int, int, int] | None = None
        self._looked = float("-inf")
        self._unreadable = False
        self._said = ""
        metrics.watch_result(self._figures)
        self._thread.submit(self._look)

    async def find(self, entity: str) -> Found | None:
        """What the newest result says of an entity; None if it does not have it.

        Raises:
            LookupError: there is no result yet.
            NotReady: it cannot be read.
        """
        return await self._ask(lambda result: result.find(entity))

    async def upcoming(self, limit: int, after: str | None) -> Page | None:
        """As `Result.upcoming`, of the newest result; raises as `find` does."""
        return await self._ask(lambda result: result.upcoming(limit, after))

    async def _ask(self, query: Callable[[Result], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, query)

    def _answer(self, query: Callable[[Result], T]) -> T:
        for _ in range(2):
            self._look()
            if self._result is None:
                if self._unreadable:
                    break
                raise LookupError
            try:
                return query(self._result)
            except sqlite3.Error as error:  # removed on another machine, say: the pointer names a newer one
                logger.warning("the batch result cannot be read, trying again: %s", error)
                self._forget()
        raise NotReady("The batch result cannot be read: try again, or see the log")

    def _look(self) -> None:
        """Follows the pointer if it has changed. A result that is read stays until there is one that can be."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            status = (self._folder / layout.POINTER).stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen == self._seen:
                return
            name = str(orjson.loads((self._folder / layout.POINTER).read_bytes())["result"])
            newest, before = Result.newest(self._folder, name), self._result
        except FileNotFoundError:
            return
        except (OSError, OutputError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            self._say(f"the newest batch result is not served: {error}")
            self._unreadable = True
            return
        self._result, self._seen, self._unreadable = newest, seen, False
        if before is not None:
            before.close()
        logger.info("batch result %s: %d rows, %d of them without a prediction", name, newest.rows, newest.failed)

    def _forget(self) -> None:
        if self._result is not None:
            self._result.close()
        self._result, self._seen, self._looked, self._unreadable = None, None, float("-inf"), True

    def _say(self, message: str) -> None:
        """Once: it is looked every second."""
        if message != self._said:
            self._said = message
            logger.error(message)

    def _figures(self) -> tuple[float, int, int]:
        """The newest result's end, rows and failed rows; looks for a newer one for the next time, so that no scrape waits."""
        self._thread.submit(self._look)
        result = self._result
        return (float("nan"), 0, 0) if result is None else (result.finished, result.rows, result.failed)
