"""kopf in a thread and an event loop of its own, started again when it ends or when the cluster serves other kinds."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import kopf

from gpux_operator.adapters.logs import is_trouble
from gpux_operator.adapters.watch import settings
from gpux_operator.kube.login import Connection

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 5.0
_END_SECONDS = 7.0
"""kopf gives its tasks five."""


def connection_info(connection: Connection) -> kopf.ConnectionInfo:
    """The same way to the API server as our own requests take; kopf asks again when the token is refused."""
    token = (connection.authorization() or "").partition(" ")[2].strip()
    return kopf.ConnectionInfo(
        server=connection.server,
        ca_path=connection.ca_path,
        insecure=not connection.verify,
        scheme="Bearer" if token else None,
        token=token or None,
        certificate_path=connection.certificate_path,
        private_key_path=connection.private_key_path,
        proxy_url=connection.proxy,
    )


class WatchRunner:
    """Runs kopf until `stop`; `restart` makes it look anew at which kinds there are."""

    def __init__(
        self,
        make_registry: Callable[[], kopf.OperatorRegistry],
        namespaces: Sequence[str],
        on_restart: Callable[[], None],
    ) -> None:
        self._make_registry = make_registry
        self._namespaces = namespaces
        self._on_restart = on_restart
        self._stopping = threading.Event()
        self._flag = threading.Event()
        self._told = False

    def run(self) -> None:
        """Blocks."""
        while not self._stopping.is_set():
            started = time.monotonic()
            self._flag, self._told = threading.Event(), False
            if self._stopping.is_set():
                return
            try:
                asyncio.run(self._once(self._flag))
            except Exception as error:
                if is_trouble(error):
                    _log.warning("the watches ended: %s", error)
                else:
                    _log.exception("bug: the watches ended with an error")
            if not self._told:
                _log.warning("the watches ended after %.0f s; they are started again", time.monotonic() - started)
                self._stopping.wait(_PAUSE_SECONDS)
            self._on_restart()  # what changes while nothing watches is found by a look at every model

    async def _once(self, flag: threading.Event) -> None:
        """One run of kopf, until it is told to end or one of its tasks fails: then with that task's error."""
        tasks = await kopf.spawn_tasks(
            registry=self._make_registry(),
            settings=settings(),
            clusterwide=not self._namespaces,
            namespaces=tuple(self._namespaces),
            standalone=True,
            stop_flag=flag,
        )
        running = asyncio.create_task(kopf.run_tasks(tasks, ignored=_this_task()))
        failed, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        flag.set()  # kopf waits for it in a thread, and the loop cannot be closed before that has ended
        await _ended(running)
        for task in failed:
            task.result()

    def restart(self) -> None:
        """End this run of kopf; `run` begins another one."""
        self._told = True
        self._flag.set()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()
        self.restart()


async def _ended(running: asyncio.Task[None]) -> None:
    """Wait for kopf to end its tasks. A watch that waits for a new login survives kopf's one cancellation, and kopf waits for it."""
    while not (await asyncio.wait([running], timeout=_END_SECONDS))[0]:
        for task in asyncio.all_tasks() - _this_task():
            task.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _this_task() -> set[asyncio.Task[Any]]:
    return {task for task in (asyncio.current_task(),) if task is not None}
