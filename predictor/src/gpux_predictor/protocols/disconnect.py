"""A client that closes its connection while its request waits."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Receive

from gpux_predictor.errors import ClientGone


@contextmanager
def cancelled_on_disconnect(receive: Receive) -> Iterator[None]:
    """Cancels what the current task awaits in the block when the client closes the connection.

    Raises:
        ClientGone: it did.
    """
    task = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task is not None:
            task.cancel()

    watcher = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not gone:
            raise
        if task is not None:
            task.uncancel()
        raise ClientGone from None
    finally:
        watcher.cancel()
