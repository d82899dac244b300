"""Gaps between requests, for work that is done on the event loop itself."""

import asyncio
from collections.abc import Callable

from gpux_predictor.batching.background import PATIENCE, QUIET_SECONDS

SLICE_SECONDS = 0.0005
"""Work on the event loop between two looks at what came: a request that meets it waits for no longer."""


class Gaps:
    """Tells when the event loop has time.

    Args:
        requests: how many there have been.
        busy: whether requests wait or run.
    """

    def __init__(self, requests: Callable[[], int], busy: Callable[[], bool]) -> None:
        self._requests = requests
        self._busy = busy
        self._seen = requests()

    async def gap(self, worked: float) -> None:
        """Lets the loop read what came; if requests did, waits until they leave a gap, or for twenty times what was worked.

        Args:
            worked: seconds since the last gap.
        """
        await asyncio.sleep(0)
        if self._requests() == self._seen and not self._busy():
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE * max(worked, SLICE_SECONDS)
        while True:
            self._seen = self._requests()
            await asyncio.sleep(QUIET_SECONDS)
            if (self._requests() == self._seen and not self._busy()) or loop.time() > until:
                self._seen = self._requests()
                return
