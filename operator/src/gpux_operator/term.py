"""What acts: the queue with its workers, the watches and the resync; for one term of office of this process."""

import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gpux_operator.adapters import watch
from gpux_operator.adapters.discovery import Discovery
from gpux_operator.adapters.http import Http
from gpux_operator.adapters.metrics import Metrics
from gpux_operator.adapters.runner import WatchRunner, connection_info
from gpux_operator.build.inference_service import Platform
from gpux_operator.engine.census import Census
from gpux_operator.engine.echoes import Echoes
from gpux_operator.engine.predictors import Predictors
from gpux_operator.engine.queue import KeyQueue
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.engine.recorder import Recorder
from gpux_operator.engine.resync import Resync
from gpux_operator.engine.workers import Workers
from gpux_operator.kube.client import Client
from gpux_operator.kube.login import Connection, log_in
from gpux_operator.kube.transport import Transport
from gpux_operator.settings import Settings

_log = logging.getLogger(__name__)
_STUCK_SECONDS = 300.0
_ASKING_THREADS = 8
"""For GETs of two seconds at most, of predictors that are not ready or not described yet."""


class Term:
    """Starts once and ends once; who leads again makes another one.

    Args:
        settings: of the run.
        metrics: of the process.
        leads: whether this process may write at this moment.
    """

    def __init__(self, settings: Settings, metrics: Metrics, leads: Callable[[], bool]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._over = threading.Event()
        echoes = Echoes()
        self.queue = KeyQueue(known=echoes)
        load = functools.partial(log_in, settings.kubeconfig)
        may_write = lambda: leads() and not self._over.is_set()  # noqa: E731
        self._api = Client(Transport(load(), metrics.count_request, may_write, echoes.add))
        self._asking = ThreadPoolExecutor(_ASKING_THREADS, "predictors")
        predictors = Predictors(Http().fetch, self.queue.add, self._asking.submit)
        platform = Platform(settings.images, settings.prometheus)
        reconciler = Reconciler(self._api, platform, Recorder(self._api, settings.instance), predictors)
        self.census = Census()
        self._workers = Workers(self.queue, reconciler, metrics.observe_reconcile, self.census.saw)
        self._resync = Resync(
            self._api, self.queue, settings.namespaces or (None,), settings.resync_seconds, self.census.known
        )
        self._runner = WatchRunner(lambda: self._registry(load), settings.namespaces, self._look_anew)
        self._discovery = Discovery(self._api, self._kinds_changed)
        self._threads = [
            threading.Thread(target=part.run, name=name, daemon=True)
            for name, part in (("discovery", self._discovery), ("resync", self._resync), ("watch", self._runner))
        ]

    def start(self) -> None:
        """Start all threads."""
        self._workers.start(self._settings.workers)
        for thread in self._threads:
            thread.start()
        _log.info("gpux-operator is running for %s", ", ".join(self._settings.namespaces) or "all namespaces")

    def end(self, grace_seconds: float) -> None:
        """Finish the passes that run, as far as the time allows; after it nothing is written any more."""
        for part in (self._discovery, self._resync, self._runner):
            part.stop()
        self.queue.close()
        self._workers.join(grace_seconds)
        self._over.set()
        self._asking.shutdown(wait=False, cancel_futures=True)
        self._threads[-1].join(grace_seconds)
        self._api.close()

    def unwell(self) -> str | None:
        """What a restart could help: passes that hang, a dead thread, no list of the models for three periods."""
        if self._workers.longest_pass() > _STUCK_SECONDS:
            return f"a pass has been running for {self._workers.longest_pass():.0f} s"
        if not self._workers.alive():
            return "a worker thread has ended"
        return "the models could not be listed for three periods" if self._resync.overdue() else None

    def has_seen_all(self) -> bool:
        """Whether all models were listed once."""
        return self._resync.done_once

    def _registry(self, load: Callable[[], Connection]) -> Any:  # noqa: ANN401  (kopf's types stay in the adapters)
        return watch.registry(self.queue, self._metrics, lambda: connection_info(load()))

    def _look_anew(self) -> None:
        self._discovery.trigger()
        self._resync.trigger()

    def _kinds_changed(self) -> None:
        self._runner.restart()
        self._resync.trigger()
