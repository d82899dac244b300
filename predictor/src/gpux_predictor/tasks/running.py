"""The store of a running server: opened as soon as that can be, worked on, looked after, let go."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Collection
from contextlib import suppress

from gpux_predictor import metrics
from gpux_predictor.errors import RequestError
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tasks.callbacks import Teller
from gpux_predictor.tasks.pacing import Gaps
from gpux_predictor.tasks.rate import Rate
from gpux_predictor.tasks.records import Counts, Outcome, State, Terms
from gpux_predictor.tasks.runs import Runs
from gpux_predictor.tasks.store import StoreUnavailable, TaskStore
from gpux_predictor.tasks.tracing import TracedRuns
from gpux_predictor.tasks.waiting import Waiting
from gpux_predictor.tasks.worker import Worker
from gpux_predictor.tracing import Tracer

logger = logging.getLogger(__name__)
SWEEP_SECONDS = 2.0
_OPEN_AGAIN_SECONDS = 1.0
_FIRST_TRY_SECONDS = 10.0


class Running:
    """What goes on beside the calls.

    Args:
        service: the model.
        store: where the tasks are.
        terms: what the store holds to.
        teller: sends callbacks, where the manifest has them.
        tracer: makes spans of runs.
    """

    def __init__(
        self,
        service: ModelService,
        store: TaskStore,
        terms: Terms,
        teller: Teller | None,
        tracer: Tracer | None = None,
    ) -> None:
        self._service = service
        self._store = store
        self._terms = terms
        self._teller = teller
        self._tracer = tracer
        self._worker: Worker | None = None
        self._why_closed = "The store of tasks is not open yet"
        self._tried = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._counts = Counts()
        self.rate = Rate()
        self.waiting = Waiting(store)
        self.stopping = False

    def start(self) -> None:
        """Opens the store, and works on its tasks once the model serves."""
        metrics.watch_tasks(
            lambda: {state.value: number for state, number in self._counts.states.items()},
            lambda: self._counts.oldest_seconds,
            lambda: self._counts.bytes,
        )
        self._loops = [asyncio.create_task(self._work()), asyncio.create_task(self._keep_house())]

    async def stop(self) -> None:
        """Keeps nobody waiting, ends or gives back what runs, and lets the store go."""
        self.stopping = True
        self.waiting.stop()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._worker is not None:
            await self._worker.stop()
        if self._teller is not None:
            await self._teller.stop()
        self._why_closed = "The store of tasks is closed: the server is stopping"
        await self._store.close()

    async def check_open(self) -> None:
        """Waits for the first try to open the store, which the first callers of a new server may precede.

        Raises:
            StoreUnavailable: why it is not open.
        """
        if not self._tried.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), _FIRST_TRY_SECONDS)
        if self._why_closed:
            raise StoreUnavailable(self._why_closed)

    def submitted(self) -> None:
        """There is something to do."""
        if self._worker is not None:
            self._worker.wake()

    def cancelled(self, ids: Collection[str]) -> None:
        """These have ended without having run to their end."""
        if self._worker is not None:
            self._worker.drop(ids)
        self._tell(ids)

    async def _work(self) -> None:
        while True:
            try:
                await self._store.open()
                break
            except Exception as error:
                why = error.detail if isinstance(error, RequestError) else f"The store of tasks broke: {error}"
                if self._why_closed != why:
                    logger.error("tasks cannot be taken: %s", why)
                self._why_closed = why
                self._tried.set()
                await asyncio.sleep(_OPEN_AGAIN_SECONDS)
        self._why_closed = ""
        self._tried.set()
        if self._teller is not None:
            self._teller.start()
        while not self._service.health.ready:  # noqa: ASYNC110  (a thread sets it)
            await asyncio.sleep(0.05)
        _, inference = self._service.ready()
        gaps = Gaps(lambda: metrics.REQUESTS["sync"], lambda: not inference.batcher.idle)
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        runs = Runs(self._service, gaps) if self._tracer is None else TracedRuns(self._service, gaps, self._tracer)
        worker = Worker(name, self._store, runs, gaps, self._terms.lease_seconds, self._ended)
        worker.start()
        self._worker = worker

    async def _keep_house(self) -> None:
        """Takes back what its worker lost, removes what has expired, counts."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self._why_closed:
                continue
            try:
                more = await self._store.sweep()
                while more:
                    more = await self._store.sweep()
                self._counts = await self._store.counts()
            except RequestError as error:
                logger.warning("tasks were not looked after: %s", error.detail)
            except Exception:
                logger.exception("tasks were not looked after")
            if self._counts.states.get(State.QUEUED):
                self.submitted()

    def _ended(self, outcomes: Collection[Outcome]) -> None:
        self.rate.ended(len(outcomes))
        for outcome in outcomes:
            if outcome.attempt > 1:
                metrics.TASK_RETRIES.inc()
            if outcome.result is not None or not outcome.again or outcome.attempt >= self._terms.most_attempts:
                metrics.TASKS_ENDED.labels("failure" if outcome.result is None else "success").inc()
        self._tell([outcome.id for outcome in outcomes])

    def _tell(self, ids: Collection[str]) -> None:
        self.waiting.ended(ids)
        if self._teller is not None:
            self._teller.wake()
