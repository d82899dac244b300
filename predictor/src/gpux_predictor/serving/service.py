"""One model as a service: loads in the background, answers with a deadline, never on the event loop."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import orjson

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor import metrics
from gpux_predictor.engine import cpus
from gpux_predictor.engine.session import run_options
from gpux_predictor.errors import BadRequest, DeadlineExceeded, LoadError, NotReady
from gpux_predictor.serving import health, loading
from gpux_predictor.serving.loading import LoadedModel, Origin
from gpux_predictor.tensors import batch_axis, decode, encode

logger = logging.getLogger(__name__)
T = TypeVar("T")


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
        self._pool = ThreadPoolExecutor(max_workers=max(2, cpus.available()), thread_name_prefix="inference")

    @property
    def name(self) -> str:
        """The model's name in every protocol: the manifest's."""
        return self.model.metadata.name

    def load(self) -> None:
        """Loads the model; blocks. How it ended is in `health`, nothing is raised."""
        self.health = health.loading(f"loading {self.model.spec.model.source.uri}")
        try:
            self.loaded = loading.load(self.model, self.origin)
            self.health = health.ready()
            logger.info("model %s is ready on %s", self.name, self.loaded.session.providers[0])
        except LoadError as error:
            self.health = health.failed(error)
            logger.error("model %s cannot be served: %s: %s", self.name, error.reason, error.message)
        except Exception as error:
            self.health = health.crashed(error)
            logger.exception("model %s cannot be served", self.name)

    def stop(self) -> None:
        """Takes no new requests from now on; those accepted are answered."""
        self.health = health.stopping()

    async def predict(self, body: bytes) -> bytes:
        """Answers the body of a POST /predict.

        Args:
            body: a JSON object of input names to values.

        Returns:
            A JSON object of output names to values.

        Raises:
            RequestError: with the status and the detail to answer.
        """
        loaded = self.ready_model()

        def work(options: Any) -> bytes:  # noqa: ANN401
            try:
                request = orjson.loads(body)
            except orjson.JSONDecodeError as error:
                raise BadRequest(f"Invalid JSON: {error}") from None
            arrays, single = decode.request_arrays(loaded.signature, loaded.axis, request)
            outputs = _run(loaded, arrays, options)
            return encode.to_json(batch_axis.squeeze(loaded.axis, outputs) if single else outputs)

        return await self._with_deadline(work)

    async def infer(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Runs the graph on arrays that have all their axes, for the protocols that send tensors.

        Raises:
            RequestError: with the status and the detail to answer.
        """
        loaded = self.ready_model()
        decode.check_complete(loaded.signature, arrays)
        return await self._with_deadline(lambda options: _run(loaded, arrays, options))

    def ready_model(self) -> LoadedModel:
        """The model if it serves.

        Raises:
            NotReady: with the reason.
        """
        if not self.health.ready or self.loaded is None:
            raise NotReady(f"The model is not ready: {self.health.reason}: {self.health.detail}")
        return self.loaded

    async def _with_deadline(self, work: Callable[[Any], T]) -> T:
        """Runs `work` on the pool; when its time is up, or the awaiting task is cancelled, the run is told to stop."""
        metrics.REQUESTS.labels(source="sync").inc()
        options = run_options()
        seconds = self.model.spec.runtime.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, work, options)
        except TimeoutError:
            metrics.TIMEOUTS.inc()
            raise DeadlineExceeded(f"The prediction took longer than {seconds} s (runtime.timeoutSeconds)") from None
        finally:
            options.terminate = True


def _run(loaded: LoadedModel, arrays: Mapping[str, np.ndarray], options: Any) -> dict[str, Any]:  # noqa: ANN401
    return loaded.session.run([tensor.name for tensor in loaded.signature.outputs], arrays, options)
