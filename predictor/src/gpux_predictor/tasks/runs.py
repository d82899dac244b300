"""One task through the model."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from gpux_predictor import metrics
from gpux_predictor.errors import DeadlineExceeded, InferenceFailed, NotReady, RequestError
from gpux_predictor.serving.pipeline import LIGHT_BYTES
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tasks.pacing import Gaps
from gpux_predictor.tasks.records import Claimed, Outcome


class Runs:
    """Runs tasks as /predict would run their bodies, but behind every request.

    Args:
        service: the model.
        gaps: when the event loop has time.
    """

    def __init__(self, service: ModelService, gaps: Gaps) -> None:
        self._service = service
        self._gaps = gaps
        self._preparing = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prepare-tasks")

    @property
    def most(self) -> int:
        """Tasks that are worth holding at once: what two full batches take, and more of tiny ones."""
        loaded, inference = self._service.ready()
        return 512 if inference.quick else min(512, max(8, 4 * loaded.plan.limit))

    def at_once(self, task: Claimed) -> Outcome | None:
        """Runs a task on the calling thread if that takes microseconds and no request waits.

        Raises:
            NotReady: the model does not serve any more.
        """
        loaded, inference = self._service.ready()
        pipeline = loaded.pipeline
        if not inference.quick or len(task.body) > LIGHT_BYTES or pipeline.heavy(task.body, task.content_type):
            return None
        try:
            prepared = pipeline.decode(task.body, task.content_type)
            if len(prepared.parts) != 1 or (result := inference.at_once(prepared.parts[0])) is None:
                return None
            content = pipeline.encode(prepared, [result.outputs], named=False)
        except Exception as error:
            return self._failed(task, error)
        return Outcome(task.id, task.attempt, content)

    async def run(self, task: Claimed) -> Outcome:
        """Runs a task in the gaps between requests.

        Raises:
            NotReady: the model does not serve any more.
        """
        service = self._service
        loaded, inference = service.ready()
        try:
            async with self._preparing:
                began = time.perf_counter()
                prepared = await service.decode(loaded, task.body, task.content_type, self._thread)
                await self._gaps.gap(time.perf_counter() - began)
            results = await inference.background(prepared.parts)
            content = await service.encode(loaded, prepared, results, named=False, threads=self._thread)
        except Exception as error:
            return self._failed(task, error)
        return Outcome(task.id, task.attempt, content)

    def _failed(self, task: Claimed, error: Exception) -> Outcome:
        """What a graph could not do it may do another time: its memory was short, its device away. Nothing else gets better."""
        if isinstance(error, NotReady):
            raise error
        if isinstance(error, DeadlineExceeded):
            metrics.TIMEOUTS.inc()
            seconds = self._service.model.spec.runtime.timeout_seconds
            return Outcome(
                task.id, task.attempt, None, f"The run took longer than {seconds} s (runtime.timeoutSeconds)"
            )
        if isinstance(error, RequestError):
            return Outcome(task.id, task.attempt, None, error.detail, again=isinstance(error, InferenceFailed))
        raise error
