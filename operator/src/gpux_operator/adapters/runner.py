"""kopf in a thread and an event loop of its own, started again when it ends or when the cluster serves other kinds."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import kopf

from gpux_operator.adapters.watch import settings

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 5.0


def connection(configuration: Any) -> kopf.ConnectionInfo:  # noqa: ANN401  (the client has no types)
    """The same way to the API server as our own requests take; kopf asks again when the token is refused."""
    header = next((auth["value"] for auth in configuration.auth_settings().values()), None)
    token = header.partition(" ")[2].strip() if header else None
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme="Bearer" if token else None,
        token=token,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
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
