"""kopf in a thread and an event loop of its own, started again when it ends or when the cluster serves other kinds."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence

import kopf

from gpux_operator.adapters.watch import settings
from gpux_operator.kube.login import Connection

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 5.0


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

    def run(self) -> None:
        """Blocks."""
        while not self._stopping.is_set():
            started = time.monotonic()
            self._flag = threading.Event()
            if self._stopping.is_set():
                return
            try:
                asyncio.run(self._once(self._flag))
            except Exception:
                _log.exception("the watches ended with an error; they are started again")
            if not self._flag.is_set():
                _log.warning("the watches ended after %.0f s; they are started again", time.monotonic() - started)
                self._stopping.wait(_PAUSE_SECONDS)
            self._on_restart()  # what changes while nothing watches is found by a look at every model

    async def _once(self, flag: threading.Event) -> None:
        await kopf.operator(
            registry=self._make_registry(),
            settings=settings(),
            clusterwide=not self._namespaces,
            namespaces=tuple(self._namespaces),
            standalone=True,
            stop_flag=flag,
        )

    def restart(self) -> None:
        """End this run of kopf; `run` begins another one."""
        self._flag.set()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()
        self._flag.set()
