"""Tells callers of the ends of their tasks: at least once each, from the store, so that no death of ours loses one."""

import asyncio
import logging
import random
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from gpux_predictor import metrics
from gpux_predictor.callbacks.backoff import Backoff
from gpux_predictor.callbacks.outcome import Outcome, Sent
from gpux_predictor.callbacks.sender import Sender
from gpux_predictor.callbacks.target import Allowed, parse
from gpux_predictor.errors import BadRequest, RequestError
from gpux_predictor.tasks import answers
from gpux_predictor.tasks.callback_records import CALLBACKS_OF_A_HOST, Callback, CallbackOutcome
from gpux_predictor.tasks.records import Task
from gpux_predictor.tasks.store import NoSuchTask, TaskStore
from gpux_predictor.tasks.tracing import CallbackSpan
from gpux_predictor.tracing import Tracer

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_MOST_AT_ONCE = 32
_CROWDED_SECONDS = 0.02
"""Between two looks for those whose host has room, while there is one that has none."""
_CUT_OFF = "The server stopped amid the attempt"


@dataclass(frozen=True)
class Callbacks:
    """What the manifest says of callbacks.

    Attributes:
        sender: makes one attempt.
        allowed: where they may go.
        backoff: when they are tried again.
    """

    sender: Sender
    allowed: Allowed
    backoff: Backoff

    def checked(self, url: str) -> str:
        """The URL in the form in which it is kept.

        Raises:
            BadRequest: it leads where callbacks do not go.
        """
        return parse(url, self.allowed).url


class Teller:
    """Sends what is due.

    Args:
        store: where the tasks are.
        callbacks: what the manifest says of them.
        tracer: makes a span of each attempt.
    """

    def __init__(self, store: TaskStore, callbacks: Callbacks, tracer: Tracer | None = None) -> None:
        self._store = store
        self._callbacks = callbacks
        self._tracer = tracer
        self._loop: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._sending: dict[asyncio.Task[None], Callback] = {}
        self._heard: set[asyncio.Task[None]] = set()
        self._leased: list[Callback] = []

    def start(self) -> None:
        """Begins to send."""
        self._loop = asyncio.create_task(self._telling())

    def wake(self) -> None:
        """A task has ended."""
        self._ended.set()

    async def stop(self) -> None:
        """Sends no more; what was under way comes again at once, here or elsewhere. What was heard is written."""
        if self._loop is None:
            return
        self._loop.cancel()
        under_way = {task: callback for task, callback in self._sending.items() if task not in self._heard}
        for task in under_way:
            task.cancel()
        await asyncio.gather(self._loop, *self._sending, return_exceptions=True)
        cut_off = [
            CallbackOutcome(each.id, each.attempt, _CUT_OFF, 0.0) for each in (*under_way.values(), *self._leased)
        ]
        if not cut_off:
            return
        try:
            await self._store.settle_callbacks(cut_off)
        except RequestError as error:
            logger.warning("%d callbacks come again in two minutes: %s", len(cut_off), error.detail)

    async def _telling(self) -> None:
        while True:
            self._ended.clear()
            free = _MOST_AT_ONCE - len(self._sending)
            hosts = [callback.host for callback in self._sending.values()]
            try:
                due = await self._due(free, hosts) if free else []
            except Exception as error:
                logger.warning("callbacks wait: %s", error, exc_info=not isinstance(error, RequestError))
                due = []
            for callback in due:
                sending = asyncio.create_task(self._settled(callback))
                self._sending[sending] = callback
                sending.add_done_callback(self._sent)
            if not due:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), _LOOK_SECONDS)
                if len(hosts) >= CALLBACKS_OF_A_HOST:
                    await asyncio.sleep(_CROWDED_SECONDS)

    async def _due(self, most: int, hosts: list[str]) -> list[Callback]:
        look = asyncio.ensure_future(self._store.due_callbacks(most, hosts))
        try:
            return await asyncio.shield(look)
        except asyncio.CancelledError:
            with suppress(RequestError):
                self._leased = await look
            raise

    def _sent(self, sending: "asyncio.Task[None]") -> None:
        del self._sending[sending]
        self._heard.discard(sending)
        self._ended.set()

    async def _settled(self, callback: Callback) -> None:
        """One attempt, written as soon as it is over: a slow receiver holds up nobody else's."""
        try:
            outcome = await self._tell(callback)
            if (task := asyncio.current_task()) is not None:
                self._heard.add(task)
            await self._store.settle_callbacks([outcome])
        except Exception as error:  # it comes again
            logger.warning("a callback was not settled: %s", error, exc_info=not isinstance(error, RequestError))

    async def _tell(self, callback: Callback) -> CallbackOutcome:
        """One attempt, and when the next one is."""
        try:
            task = await self._store.get(callback.id)
            sent = await self._send(callback, task)
        except (NoSuchTask, BadRequest) as error:  # its time is up, or the manifest does not allow its address any more
            metrics.CALLBACKS.labels("failed").inc()
            return CallbackOutcome(callback.id, callback.attempt, error.detail)
        except RequestError as error:
            return CallbackOutcome(callback.id, callback.attempt, error.detail, again_in=_LOOK_SECONDS)
        if sent.outcome is Outcome.DELIVERED:
            metrics.CALLBACKS.labels("delivered").inc()
            return CallbackOutcome(callback.id, callback.attempt)
        again = None
        if sent.outcome is Outcome.RETRY:
            elapsed = time.time() - (task.ended or 0.0)
            again = self._callbacks.backoff.delay(callback.attempt, elapsed, random.random, sent.retry_after)
        metrics.CALLBACKS.labels("failed" if again is None else "retried").inc()
        return CallbackOutcome(callback.id, callback.attempt, sent.reason, again)

    async def _send(self, callback: Callback, task: Task) -> Sent:
        target = parse(callback.url, self._callbacks.allowed)
        sender, body = self._callbacks.sender, answers.content(replace(task, callback=None))
        if self._tracer is None:
            return await sender.send(target, callback.id, body)
        with CallbackSpan(self._tracer, callback, target) as span:
            span.sent = await sender.send(target, callback.id, body, {"traceparent": span.traceparent})
        return span.sent
