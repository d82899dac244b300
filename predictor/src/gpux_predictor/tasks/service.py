"""Tasks of one model: what the routes call."""

import math
from collections.abc import Collection
from dataclasses import replace

from gpux_predictor import metrics
from gpux_predictor.errors import BadRequest, NotReady, TooManyRequests
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tasks.callbacks import Callbacks, Teller
from gpux_predictor.tasks.records import Counts, NewTask, Page, State, Submitted, Task, Terms
from gpux_predictor.tasks.running import Running
from gpux_predictor.tasks.store import QueueFull, TaskStore
from gpux_predictor.tracing import Tracer

_MOST_RETRY_SECONDS = 600
_UNKNOWN_RETRY_SECONDS = 30
MOST_KEY = 255
"""Characters of an Idempotency-Key."""


class TaskService:
    """Tasks that are submitted, polled, cancelled and listed. Every call raises StoreUnavailable if the store does not answer.

    Args:
        service: the model.
        store: where the tasks are.
        terms: what the store holds to.
        callbacks: what the manifest says of them; None where tasks with one are refused.
        tracer: makes spans of runs and callbacks.
    """

    def __init__(
        self,
        service: ModelService,
        store: TaskStore,
        terms: Terms,
        callbacks: Callbacks | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._service = service
        self._store = store
        self._terms = terms
        self._callbacks = callbacks
        teller = None if callbacks is None else Teller(store, callbacks, tracer)
        self._running = Running(service, store, terms, teller, tracer)

    def start(self) -> None:
        """Opens the store, and works on its tasks once the model serves."""
        self._running.start()

    async def close(self) -> None:
        """Keeps nobody waiting, ends or gives back what runs, and lets the store go."""
        await self._running.stop()

    async def submit(self, task: NewTask) -> Submitted:
        """Accepts a task whose body /predict would take.

        Raises:
            RequestError: what /predict would say of the body; TooManyRequests where as many tasks wait as may; KeyReused;
                StoreFull.
        """
        loaded, _ = self._service.ready()
        if self._running.stopping:
            raise NotReady("The server is stopping: submit the task again")
        if task.key is not None and not 0 < len(task.key) <= MOST_KEY:
            raise BadRequest(f"Invalid Idempotency-Key: expected 1 to {MOST_KEY} characters")
        if task.key is not None and task.client is not None:  # no client meets the keys of another
            task = replace(task, key=f"{task.client}/{task.key}")
        if task.callback is not None:
            task = replace(task, callback=self._checked(task.callback))
        await self._service.decode(loaded, task.body, task.content_type)
        await self._running.check_open()
        try:
            submitted = await self._store.submit(task)
        except QueueFull as error:
            later = self._retry_after()
            raise TooManyRequests(f"{error.detail}: try again in {later} s", later) from None
        if submitted.fresh:
            metrics.REQUESTS["async"] += 1
        self._running.submitted()
        return submitted

    async def status(self, task_id: str, wait_seconds: float = 0.0) -> Task:
        """A task as it is now, or once it has ended, or after so many seconds.

        Raises:
            NoSuchTask: saying whether it has expired or never was.
        """
        await self._running.check_open()
        if wait_seconds <= 0 or self._running.stopping:
            return await self._store.get(task_id)
        return await self._running.waiting.wait(task_id, wait_seconds)

    async def cancel(self, task_id: str) -> Task:
        """Ends a task that has not ended, and tells how it is then.

        Raises:
            NoSuchTask: as `status`.
        """
        await self._running.check_open()
        task = await self._store.cancel(task_id)
        self._running.cancelled([task_id])
        return task

    async def page(self, states: Collection[State], after: str | None, most: int) -> Page:
        """Tasks of these states, the newest first, without results.

        Raises:
            NoSuchTask: there is no task `after`.
        """
        await self._running.check_open()
        return await self._store.page(states, after, most)

    async def counts(self) -> Counts:
        """How many tasks there are."""
        await self._running.check_open()
        return await self._store.counts()

    def _checked(self, callback: str) -> str:
        if self._callbacks is None:
            raise BadRequest("Invalid callback_url: this model sends no callbacks: set spec.async.callbacks.secretRef")
        return self._callbacks.checked(callback)

    def _retry_after(self) -> int:
        """Seconds until half of those that wait have run, at the rate of the last seconds."""
        rate = self._running.rate.per_second()
        if rate <= 0:
            return _UNKNOWN_RETRY_SECONDS
        return min(_MOST_RETRY_SECONDS, max(1, math.ceil(self._terms.most_queued / rate / 2)))
