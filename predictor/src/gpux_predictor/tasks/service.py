"""Tasks of one model: submitted, polled, cancelled, and worked on while the server runs."""

import asyncio
import logging
import math
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import TypeVar

from gpux_predictor import metrics
from gpux_predictor.errors import BadRequest, NotReady, RequestError, TooManyRequests
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tasks.callbacks import Callbacks, Teller
from gpux_predictor.tasks.pacing import Gaps
from gpux_predictor.tasks.rate import Rate
from gpux_predictor.tasks.records import Counts, NewTask, Outcome, State, Submitted, Task, Terms
from gpux_predictor.tasks.runs import Runs
from gpux_predictor.tasks.store import QueueFull, StoreUnavailable, TaskStore
from gpux_predictor.tasks.waiting import Waiting
from gpux_predictor.tasks.worker import Worker

logger = logging.getLogger(__name__)
T = TypeVar("T")
SWEEP_SECONDS = 2.0
_OPEN_AGAIN_SECONDS = 1.0
_MOST_RETRY_SECONDS = 600
MOST_KEY = 255
"""Characters of an Idempotency-Key."""


class TaskService:
    """What the routes of tasks call.

    Args:
        service: the model.
        store: where the tasks are.
        terms: what the store holds to.
        callbacks: what the manifest says of them; None where tasks with one are refused.
    """

    def __init__(
        self, service: ModelService, store: TaskStore, terms: Terms, callbacks: Callbacks | None = None
    ) -> None:
        self._service = service
        self._store = store
        self._terms = terms
        self._callbacks = callbacks
        self._teller = None if callbacks is None else Teller(store, callbacks)
        self._waiting = Waiting(store)
        self._worker: Worker | None = None
        self._why_closed = "The store of tasks is not open yet"
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []
        self._rate = Rate()
        self._counts = Counts()

    def start(self) -> None:
        """Opens the store, as soon as that can be, and works on its tasks once the model serves."""
        metrics.watch_tasks(
            lambda: {state.value: number for state, number in self._counts.states.items()},
            lambda: self._counts.oldest_seconds,
            lambda: self._counts.bytes,
        )
        self._loops = [asyncio.create_task(self._work()), asyncio.create_task(self._keep_house())]

    async def close(self) -> None:
        """The server stops: nobody is kept waiting, what runs ends or is given back, and the store is let go."""
        self._stopping = True
        self._waiting.wake_all()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._worker is not None:
            await self._worker.stop()
        if self._teller is not None:
            await self._teller.stop()
        self._why_closed = "The store of tasks is closed: the server is stopping"
        await self._store.close()

    async def submit(self, task: NewTask) -> Submitted:
        """Accepts a task whose body /predict would take.

        Raises:
            RequestError: what /predict would say of the body; TooManyRequests where as many tasks wait as may; KeyReused;
                StoreFull; StoreUnavailable.
        """
        loaded, _ = self._service.ready()
        if self._stopping:
            raise NotReady("The server is stopping: submit the task again")
        if task.key is not None and not 0 < len(task.key) <= MOST_KEY:
            raise BadRequest(f"Invalid Idempotency-Key: expected 1 to {MOST_KEY} characters")
        if task.callback is not None:
            task = replace(task, callback=self._checked(task.callback))
        await self._service.decode(loaded, task.body, task.content_type)
        try:
            submitted = await self._open(self._store.submit, task)
        except QueueFull as error:
            later = self._retry_after()
            raise TooManyRequests(f"{error.detail}: try again in {later} s", later) from None
        if submitted.fresh:
            metrics.REQUESTS["async"] += 1
        if self._worker is not None:
            self._worker.wake()
        return submitted

    async def status(self, task_id: str, wait_seconds: float = 0.0) -> Task:
        """A task as it is now, or once it has ended, or after so many seconds.

        Raises:
            NoSuchTask: saying whether it has expired or never was.
            StoreUnavailable: the store does not answer.
        """
        if wait_seconds <= 0 or self._stopping:
            return await self._open(self._store.get, task_id)
        self._check_open()
        return await self._waiting.wait(task_id, wait_seconds)

    async def cancel(self, task_id: str) -> Task:
        """Ends a task that has not ended, and tells how it is then.

        Raises:
            NoSuchTask, StoreUnavailable: as `status`.
        """
        task = await self._open(self._store.cancel, task_id)
        if self._worker is not None:
            self._worker.drop([task_id])
        self._waiting.ended([task_id])
        if self._teller is not None:
            self._teller.wake()
        return task

    async def page(self, states: Collection[State], after: str | None, most: int) -> list[Task]:
        """Tasks of these states, the newest first, without results.

        Raises:
            NoSuchTask: there is no task `after`.
            StoreUnavailable: the store does not answer.
        """
        self._check_open()
        return await self._store.page(states, after, most)

    async def counts(self) -> Counts:
        """How many tasks there are.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        self._check_open()
        return await self._store.counts()

    async def _work(self) -> None:
        """Opens the store, then, once the model serves, begins to work."""
        while True:
            try:
                await self._store.open()
                break
            except RequestError as error:
                if self._why_closed != error.detail:
                    logger.error("tasks cannot be taken: %s", error.detail)
                self._why_closed = error.detail
                await asyncio.sleep(_OPEN_AGAIN_SECONDS)
        self._why_closed = ""
        if self._teller is not None:
            self._teller.start()
        while not self._service.health.ready:  # noqa: ASYNC110  (a thread sets it)
            await asyncio.sleep(0.05)
        _, inference = self._service.ready()
        gaps = Gaps(lambda: metrics.REQUESTS["sync"], lambda: not inference.batcher.idle)
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        worker = Worker(name, self._store, Runs(self._service), gaps, self._terms.lease_seconds, self._ended)
        worker.start()
        self._worker = worker

    async def _keep_house(self) -> None:
        """Takes back what its worker lost, removes what has expired, counts."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self._why_closed:
                continue
            try:
                await self._store.sweep()
                self._counts = await self._store.counts()
            except RequestError as error:
                logger.warning("tasks were not looked after: %s", error.detail)
            except Exception:
                logger.exception("tasks were not looked after")
            if self._worker is not None and self._counts.states.get(State.QUEUED):
                self._worker.wake()

    def _ended(self, outcomes: Collection[Outcome]) -> None:
        self._rate.ended(len(outcomes))
        for outcome in outcomes:
            final = outcome.result is not None or not outcome.again or outcome.attempt >= self._terms.most_attempts
            if outcome.attempt > 1:
                metrics.TASK_RETRIES.inc()
            if final:
                metrics.TASKS_ENDED.labels("failure" if outcome.result is None else "success").inc()
        self._waiting.ended([outcome.id for outcome in outcomes])
        if self._teller is not None:
            self._teller.wake()

    def _checked(self, callback: str) -> str:
        if self._callbacks is None:
            raise BadRequest("Invalid callback_url: this model sends no callbacks: set spec.async.callbacks.secretRef")
        return self._callbacks.checked(callback)

    def _retry_after(self) -> int:
        """Seconds until half of those that wait have run, at the rate of the last seconds."""
        rate = self._rate.per_second()
        if rate <= 0:
            return 30
        return min(_MOST_RETRY_SECONDS, max(1, math.ceil(self._terms.most_queued / rate / 2)))

    async def _open(self, call: Callable[..., Awaitable[T]], *args: object) -> T:
        self._check_open()
        return await call(*args)

    def _check_open(self) -> None:
        if self._why_closed:
            raise StoreUnavailable(self._why_closed)
