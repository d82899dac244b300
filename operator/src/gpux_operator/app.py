"""The running operator: probes, metrics, signals, and a term of office for as long as this process leads."""

import logging
import signal
import threading
import uuid
from http.server import ThreadingHTTPServer
from types import FrameType

from gpux_operator.adapters import probes
from gpux_operator.adapters.metrics import Metrics
from gpux_operator.adapters.probes import Answer
from gpux_operator.engine.census import Census
from gpux_operator.engine.election import Election
from gpux_operator.engine.lease import Lease
from gpux_operator.kube.client import Client
from gpux_operator.kube.login import log_in
from gpux_operator.kube.transport import SHORT, Transport
from gpux_operator.settings import Settings
from gpux_operator.term import Term

_log = logging.getLogger(__name__)
_GRACE_SECONDS = 20.0
_LOST_GRACE_SECONDS = 4.0
"""Passes have this long after a loss; the lease ends five seconds after it at the earliest."""


class PortUnavailable(Exception):
    """Something else listens there, or the operator may not."""


class App:
    """One process of the operator: alone, or one of several of which one leads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._changing = threading.Lock()
        self._term: Term | None = None
        self.metrics = Metrics()
        api = Client(Transport(log_in(settings.kubeconfig), self.metrics.count_request, patience=SHORT))
        self._election = self._candidacy(api, settings.lease) if settings.lease is not None else None

    def run(self) -> None:
        """Until SIGTERM or SIGINT.

        Raises:
            PortUnavailable: metrics or probes cannot be served.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        server = self._listen()
        candidate: threading.Thread | None = None
        if self._election is None:
            self._begin()
        else:
            candidate = threading.Thread(target=self._election.run, name="election", daemon=True)
            candidate.start()
        self._stop.wait()
        _log.info("stopping: the passes that run are finished")
        self._end(_GRACE_SECONDS)
        if self._election is not None and candidate is not None:  # still renewed until here
            self._election.stop()
            candidate.join(_GRACE_SECONDS)
        server.shutdown()

    def live(self) -> Answer:
        """Whether a restart could help."""
        if self._election is not None and self._election.broken:
            return False, "the election has ended with an error; the log has it"
        term = self._term
        problem = term.unwell() if term is not None else None
        return problem is None, problem or "ok"

    def ready(self) -> Answer:
        """Whether all models were seen once, or another replica leads and this one could take over."""
        term = self._term
        if term is not None:
            seen = term.has_seen_all()
            return seen, "ok" if seen else "the models have not been listed yet"
        leader = self._election.leader if self._election is not None else ""
        return bool(leader), f"standby: {leader} leads" if leader else "nobody leads yet"

    def _listen(self) -> ThreadingHTTPServer:
        """Serves metrics and probes; gives what serves the probes."""
        option, port = "--metrics-port", self._settings.metrics_port
        try:
            self.metrics.serve(port, self._queue_depth, self._leads, self._census)
            option, port = "--health-port", self._settings.health_port
            return probes.serve(port, self.live, self.ready)
        except OSError as error:
            raise PortUnavailable(
                f"cannot listen on port {port}: {error.strerror}. Choose another one by {option}"
            ) from error

    def _candidacy(self, api: Client, place: tuple[str, str]) -> Election:
        lease = Lease(api, place, f"{self._settings.instance}_{uuid.uuid4()}")
        return Election(lease, self._begin, lambda: self._end(_LOST_GRACE_SECONDS))

    def _begin(self) -> None:
        with self._changing:
            if not self._stop.is_set():
                self._term = Term(self._settings, self.metrics, self._leads)
                self._term.start()

    def _end(self, grace_seconds: float) -> None:
        with self._changing:
            if self._term is not None:
                self._term.end(grace_seconds)
                self._term = None

    def _leads(self) -> bool:
        return self._election is None or self._election.leads()

    def _queue_depth(self) -> int:
        term = self._term
        return len(term.queue) if term is not None else 0

    def _census(self) -> Census | None:
        term = self._term
        return term.census if term is not None else None

    def _signalled(self, number: int, _: FrameType | None) -> None:
        _log.info("received %s", signal.Signals(number).name)
        self._stop.set()
