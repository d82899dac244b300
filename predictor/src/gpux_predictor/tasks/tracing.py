"""A span for each attempt of a task and for each of its callback's. Names follow the semantic conventions for messaging, and for HTTP
clients.

An attempt begins a trace of its own, linked to the request that submitted the task: that has been answered long ago, and there may be
several attempts. A callback is what that request is answered by in the end, so it is in the request's trace.
"""

import asyncio
import time

from gpux_predictor.callbacks.outcome import Outcome as Delivered
from gpux_predictor.callbacks.outcome import Sent
from gpux_predictor.callbacks.target import Target
from gpux_predictor.errors import NotReady
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tasks.callback_records import Callback
from gpux_predictor.tasks.pacing import Gaps
from gpux_predictor.tasks.records import Claimed, Outcome
from gpux_predictor.tasks.runs import Runs
from gpux_predictor.tracing import Attributes, Kind, Span, Tracer


class TracedRuns(Runs):
    """Runs with spans; arguments as of `Runs`.

    Args:
        tracer: makes the spans.
    """

    def __init__(self, service: ModelService, gaps: Gaps, tracer: Tracer) -> None:
        super().__init__(service, gaps)
        self._tracer = tracer
        self._model = service.name

    def at_once(self, task: Claimed) -> Outcome | None:
        """See Runs; a task that is left to `run` has its span there."""
        began = time.time_ns()
        try:
            outcome = super().at_once(task)
        except Exception as error:
            _end(self._start(task, began), error)
            raise
        if outcome is not None:
            _end(self._start(task, began), outcome)
        return outcome

    async def run(self, task: Claimed) -> Outcome:
        """See Runs."""
        span = self._start(task, time.time_ns())
        try:
            outcome = await super().run(task)
        except BaseException as error:
            _end(span, error)
            raise
        _end(span, outcome)
        return outcome

    def _start(self, task: Claimed, began: int) -> Span:
        attributes: Attributes = {
            "messaging.system": "gpux",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": self._model,
            "messaging.message.id": task.id,
            "messaging.message.body.size": len(task.body),
            "gpux.task.attempt": task.attempt,
        }
        return self._tracer.start(f"process {self._model}", Kind.CONSUMER, attributes, link=task.trace, began=began)


def _end(span: Span, became: Outcome | BaseException) -> None:
    """What became of an attempt: `success`, `failure`, or `cancelled` where it was taken away: by DELETE, or by a stop."""
    if isinstance(became, asyncio.CancelledError | NotReady):
        span.end({"gpux.task.outcome": "cancelled"})
    elif isinstance(became, BaseException):
        span.end({"gpux.task.outcome": "failure", "error.type": type(became).__name__}, failed=True)
    else:
        failed = became.result is None
        span.end({"gpux.task.outcome": "failure" if failed else "success"}, failed=failed)


class CallbackSpan:
    """The span of one attempt to deliver; of the URL only host and port, since paths and queries hold secrets of receivers.

    Args:
        tracer: makes the span.
        callback: what is delivered.
        target: where to.

    Attributes:
        traceparent: goes with the request.
        sent: what the attempt came to; None where it was taken away.
    """

    def __init__(self, tracer: Tracer, callback: Callback, target: Target) -> None:
        attributes: Attributes = {
            "http.request.method": "POST",
            "server.address": target.host,
            "server.port": target.port,
            "messaging.message.id": callback.id,
            "gpux.callback.attempt": callback.attempt,
        }
        self._span = tracer.start("POST", Kind.CLIENT, attributes, parent=callback.trace)
        self.traceparent = self._span.traceparent
        self.sent: Sent | None = None

    def __enter__(self) -> "CallbackSpan":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        sent = self.sent
        if sent is None:
            if kind is None or issubclass(kind, asyncio.CancelledError):
                self._span.end({"error.type": "cancelled"})
            else:
                self._span.end({"error.type": kind.__name__}, failed=True)
            return
        status = {} if sent.status is None else {"http.response.status_code": sent.status}
        if sent.outcome is Delivered.DELIVERED:
            self._span.end(status)
        else:
            self._span.end({**status, "error.type": str(sent.status or "unreachable")}, failed=True)
