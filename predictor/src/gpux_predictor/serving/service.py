"""One model as a service: loads in the background, answers with a deadline, holds the event loop for microseconds only."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor import metrics
from gpux_predictor.batching.batcher import Limits
from gpux_predictor.batching.item import Timing
from gpux_predictor.engine import cpus
from gpux_predictor.errors import DeadlineExceeded, DeviceFailed, LoadError, LoadReason, NotReady, Stopped
from gpux_predictor.serving import health, loading
from gpux_predictor.serving.at_once import AtOnce, nothing
from gpux_predictor.serving.inference import Inference
from gpux_predictor.serving.loading import LoadedModel, Origin
from gpux_predictor.serving.pipeline import LIGHT_BYTES
from gpux_predictor.serving.prepare import Prepared
from gpux_predictor.serving.requests import JSON
from gpux_predictor.tensors import decode

logger = logging.getLogger(__name__)
T = TypeVar("T")
Waiting = Callable[[], AbstractContextManager[None]]


@dataclass(slots=True)
class Answer:
    """The answer to a prediction.

    Attributes:
        content: JSON.
        timing: waiting and run.
        preprocess: seconds from the body to arrays.
        postprocess: seconds from results to the content.
    """

    content: bytes
    timing: Timing
    preprocess: float
    postprocess: float


class ModelService:
    """A model from its manifest to its answers.

    Args:
        model: the manifest.
        origin: where its files are.
    """

    def __init__(self, model: GpuxModel, origin: Origin) -> None:
        self.model = model
        self.origin = origin
        self.health = health.starting()
        self.loaded: LoadedModel | None = None
        self.at_once: Callable[[bytes], tuple[bytes, bytes] | None] = nothing
        """Answers a small JSON body of a quick model, or leaves it to `predict`."""
        self._draining = False
        self._inference: Inference | None = None
        self._seconds = model.spec.runtime.timeout_seconds
        self._threads = ThreadPoolExecutor(max_workers=max(2, cpus.available()), thread_name_prefix="prepare")

    @property
    def live(self) -> bool:
        """False once the device has broken under a model that served: only a new process can help."""
        return self.loaded is None or self.health.phase is not health.Phase.FAILED

    @property
    def name(self) -> str:
        """The model's name in every protocol: the manifest's."""
        return self.model.metadata.name

    def refuse(self, error: LoadError) -> None:
        """The model is not served, whatever its file is."""
        self.health = health.failed(error)
        logger.error("model %s cannot be served: %s: %s", self.name, error.reason, error.message)

    def reconsider(self, error: LoadError) -> None:
        """What the model was refused for is over."""
        if (self.health.phase, self.health.reason) == (health.Phase.FAILED, error.reason):
            self.health = health.starting()

    def load(self) -> None:
        """Loads the model, unless it was refused; blocks. How it ended is in `health`, nothing is raised."""
        if self.health.phase is health.Phase.FAILED:
            return
        try:
            loaded = loading.load(self.model, self.origin, self._tell)
            self._serve(loaded)
            logger.info("model %s is ready on %s", self.name, loaded.session.providers[0])
        except Stopped:
            logger.info("model %s: stopped while it was loading", self.name)
        except LoadError as error:
            self.refuse(error)
        except Exception as error:
            self.health = health.crashed(error)
            logger.exception("model %s cannot be served", self.name)

    def drain(self) -> None:
        """Is not ready from now on, so that no new clients come; what still comes over open connections is answered."""
        self._draining = self.health.ready
        self.health = health.stopping()

    def stop(self) -> None:
        """Takes no new requests from now on; those accepted are answered."""
        self._draining = False
        self.at_once = nothing
        self.health = health.stopping()

    async def predict(self, body: bytes, content_type: str = JSON, waiting: Waiting = nullcontext) -> Answer:
        """Answers the body of a POST /predict.

        Args:
            body: as in `content_type`; in JSON an object of input names to values.
            content_type: the header, with its parameters.
            waiting: entered while the request waits for its run, which takes microseconds or seconds.

        Raises:
            RequestError: with the status and the detail to answer.
        """
        loaded, inference = self.ready()
        metrics.REQUESTS["sync"] += 1
        deadline = self._deadline(inference)
        started = time.perf_counter()
        prepared = await self.decode(loaded, body, content_type)
        preprocess = time.perf_counter() - started
        results, timing = await self._run(inference, prepared.parts, deadline, waiting)
        started = time.perf_counter()
        content = await self.encode(loaded, prepared, results)
        postprocess = time.perf_counter() - started
        metrics.HOT.staged(timing.queue, preprocess, timing.run, postprocess)
        return Answer(content, timing, preprocess, postprocess)

    async def infer(
        self,
        arrays: Mapping[str, np.ndarray],
        waiting: Waiting = nullcontext,
        timed: Callable[[Timing], None] | None = None,
    ) -> dict[str, Any]:
        """Runs the graph on arrays that have all their axes, for the protocols that send tensors.

        Args:
            arrays: by input name, in the graph's dtypes and ranks.
            waiting: entered while the request waits for its run.
            timed: hears how long it waited and ran.

        Raises:
            RequestError: with the status and the detail to answer.
        """
        loaded, inference = self.ready()
        metrics.REQUESTS["sync"] += 1
        deadline = self._deadline(inference)
        decode.check_complete(loaded.signature, arrays)
        [outputs], timing = await self._run(inference, [dict(arrays)], deadline, waiting)
        metrics.HOT.staged(timing.queue, 0.0, timing.run, 0.0)
        if timed is not None:
            timed(timing)
        return outputs

    def ready_model(self) -> LoadedModel:
        """The model if it serves.

        Raises:
            NotReady: with the reason.
        """
        if not (self.health.ready or self._draining) or self.loaded is None:
            raise NotReady(f"The model is not ready: {self.health.reason}: {self.health.detail}")
        return self.loaded

    async def decode(
        self, loaded: LoadedModel, body: bytes, content_type: str, threads: Executor | None = None
    ) -> Prepared:
        """A body of /predict as feeds, off the event loop where that takes long: in `threads`, or those of requests.

        Raises:
            RequestError: the request is wrong.
        """
        pipeline = loaded.pipeline
        if pipeline.heavy(body, content_type):
            return await self._off_loop(lambda: pipeline.decode(body, content_type), threads)
        return pipeline.decode(body, content_type)

    async def encode(
        self,
        loaded: LoadedModel,
        prepared: Prepared,
        results: list[dict[str, Any]],
        *,
        named: bool = True,
        threads: Executor | None = None,
    ) -> bytes:
        """The answer of a request in JSON; `named` as in `Pipeline.encode`, `threads` as in `decode`."""
        pipeline = loaded.pipeline
        if sum([_bytes(outputs) for outputs in results]) <= LIGHT_BYTES:
            return pipeline.encode(prepared, results, named=named)
        return await self._off_loop(lambda: pipeline.encode(prepared, results, named=named), threads)

    def ready(self) -> tuple[LoadedModel, Inference]:
        """The model and its runs if it serves.

        Raises:
            NotReady: with the reason.
        """
        loaded = self.ready_model()
        assert self._inference is not None  # noqa: S101  (set before `loaded`)
        return loaded, self._inference

    def _tell(self, state: health.Health) -> None:
        """Takes a phase of loading in.

        Raises:
            Stopped: the server was told to stop, which ends a download, too.
        """
        if self.health.phase is health.Phase.STOPPING:
            raise Stopped
        self.health = state

    def _serve(self, loaded: LoadedModel) -> None:
        runtime = self.model.spec.runtime
        limits = Limits(
            most_waiting=runtime.queue.max_requests if runtime.queue else None,
            max_delay=runtime.batching.max_delay_milliseconds / 1000 if runtime.batching else 0.0,
            background_seconds=self._seconds,
        )
        inference = Inference(loaded, limits, self._broke)
        metrics.watch(lambda: inference.batcher.depth, inference.efficiency)
        self._inference = inference
        metrics.MODEL.labels(self.name, self.model.spec.model.version or "", loaded.session.providers[0]).set(1)
        self.loaded = loaded
        at_once = AtOnce(loaded, inference)
        self.at_once = at_once if at_once.usable else nothing
        self._tell(health.ready())

    def _broke(self, error: DeviceFailed) -> None:
        self.refuse(LoadError(LoadReason.DEVICE_FAILED, f"{error.detail}: the process has to be started again"))

    def _deadline(self, inference: Inference) -> float:
        """The request's deadline on the loop's clock; a full queue refuses it here, before its body costs anything."""
        now = asyncio.get_running_loop().time()
        deadline = now + self._seconds
        if not inference.batcher.idle:
            inference.batcher.admit(now, deadline)
        return deadline

    async def _run(
        self,
        inference: Inference,
        parts: list[dict[str, np.ndarray]],
        deadline: float,
        waiting: Waiting,
    ) -> tuple[list[dict[str, Any]], Timing]:
        if len(parts) == 1 and (result := inference.at_once(parts[0])) is not None:
            inference.passed()
            return [result.outputs], result.timing
        try:
            with waiting():
                return await inference.queued(parts, deadline)
        except DeadlineExceeded:
            metrics.TIMEOUTS.inc()
            raise DeadlineExceeded(
                f"The prediction took longer than {self._seconds} s (runtime.timeoutSeconds)"
            ) from None

    async def _off_loop(self, work: Callable[[], T], threads: Executor | None = None) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads or self._threads, work)


def _bytes(outputs: Mapping[str, Any]) -> int:
    return sum([100 * len(value) if isinstance(value, list) else value.nbytes for value in outputs.values()])
