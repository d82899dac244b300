"""The running operator: builds the parts, starts their threads, and ends them on a signal."""

import functools
import logging
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

from gpux_operator.adapters import probes, watch
from gpux_operator.adapters.discovery import Discovery
from gpux_operator.adapters.http import Http
from gpux_operator.adapters.metrics import Metrics
from gpux_operator.adapters.runner import WatchRunner, connection
from gpux_operator.build.inference_service import Platform
from gpux_operator.engine.predictors import Predictors
from gpux_operator.engine.queue import KeyQueue
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.engine.recorder import Recorder
from gpux_operator.engine.resync import Resync
from gpux_operator.engine.workers import Workers
from gpux_operator.kube.client import Client, load_configuration
from gpux_operator.settings import Settings

_log = logging.getLogger(__name__)
_STUCK_SECONDS = 300.0
_GRACE_SECONDS = 20.0
_ASKING_THREADS = 8
"""For GETs of two seconds at most, of predictors that are not ready or not described yet."""


class App:
    """One process of the operator."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self.metrics = Metrics()
        self.queue = KeyQueue()
        load = functools.partial(load_configuration, settings.kubeconfig)
        api = Client(load(), self.metrics.count_request)
        recorder = Recorder(api, settings.instance)
        self.asking = ThreadPoolExecutor(_ASKING_THREADS, "predictors")
        predictors = Predictors(Http().fetch, self.queue.add, self.asking.submit)
        reconciler = Reconciler(api, Platform(settings.images, settings.prometheus), recorder, predictors)
        self.workers = Workers(self.queue, reconciler, self.metrics.observe_reconcile)
        self.resync = Resync(api, self.queue, settings.namespaces or (None,), settings.resync_seconds)
        self.runner = WatchRunner(lambda: self._registry(load), settings.namespaces, self.resync.trigger)
        self.discovery = Discovery(api, self._kinds_changed)

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        self.metrics.serve(self._settings.metrics_port, lambda: len(self.queue))
        server = probes.serve(self._settings.health_port, self.live, self.ready)
        self.workers.start(self._settings.workers)
        threads = [
            threading.Thread(target=part.run, name=name, daemon=True)
            for name, part in (("discovery", self.discovery), ("resync", self.resync), ("watch", self.runner))
        ]
        for thread in threads:
            thread.start()
        scope = ", ".join(self._settings.namespaces) or "all namespaces"
        _log.info("gpux-operator is running for %s", scope)
        self._stop.wait()
        _log.info("stopping: the passes that run are finished")
        for part in (self.discovery, self.resync, self.runner):
            part.stop()
        self.queue.close()
        self.workers.join(_GRACE_SECONDS)
        self.asking.shutdown(wait=False, cancel_futures=True)
        threads[-1].join(_GRACE_SECONDS)
        server.shutdown()

    def live(self) -> str | None:
        """Whether a restart could help: passes that hang, or no list of the models for three periods."""
        if self.workers.longest_pass() > _STUCK_SECONDS:
            return f"a pass has been running for {self.workers.longest_pass():.0f} s"
        if not self.workers.alive():
            return "a worker thread has ended"
        return "the models could not be listed for three periods" if self.resync.overdue() else None

    def ready(self) -> str | None:
        """Whether all models were seen once."""
        return None if self.resync.done_once else "the models have not been listed yet"

    def _registry(self, load: Any) -> Any:  # noqa: ANN401  (kopf's and kubernetes' types stay in the adapters)
        return watch.registry(self.queue, self.metrics, lambda: connection(load()))

    def _kinds_changed(self) -> None:
        self.runner.restart()
        self.resync.trigger()

    def _signalled(self, number: int, _: FrameType | None) -> None:
        _log.info("received %s", signal.Signals(number).name)
        self._stop.set()
