"""The service as a `kserve.Model`, which KServe's V1 and V2 routes call."""

import logging
from typing import Any

import orjson
from fastapi import HTTPException
from kserve import Model
from kserve.errors import InferenceError, InvalidInput, ModelNotReady
from kserve.protocol.infer_type import InferRequest, InferResponse

from gpux_predictor.errors import BadRequest, InferenceFailed, NotReady, RequestError
from gpux_predictor.kserving import v1, v2
from gpux_predictor.serving.service import ModelService

logger = logging.getLogger(__name__)


class OnnxModel(Model):  # type: ignore[misc]  # kserve has no types
    """A `kserve.Model` on our service; `ready` follows the service's health."""

    def __init__(self, service: ModelService) -> None:
        self._service = service
        super().__init__(service.name)

    @property
    def ready(self) -> bool:
        """Whether the model serves."""
        return self._service.health.ready

    @ready.setter
    def ready(self, value: bool) -> None:
        """KServe's base class and its stop() write it; the service alone decides."""
        if not value and self._service.health.ready:
            self._service.stop()

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs for the V2 model metadata."""
        return v2.metadata(self._service.loaded.signature.inputs) if self._service.loaded else []

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs for the V2 model metadata."""
        return v2.metadata(self._service.loaded.signature.outputs) if self._service.loaded else []

    async def predict(
        self,
        payload: dict[str, Any] | bytes | InferRequest,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> dict[str, Any] | InferResponse:
        """Answers a V1 or V2 request; KServe leaves a body of any content type but `application/json` to us as bytes."""
        try:
            if isinstance(payload, InferRequest):
                return await self._predict_v2(payload)
            return await self._predict_v1(orjson.loads(payload) if isinstance(payload, bytes) else payload)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"Invalid JSON: {error}") from None
        except NotReady as error:
            raise ModelNotReady(self.name, error.detail) from None
        except BadRequest as error:
            raise InvalidInput(error.detail) from None
        except InferenceFailed as error:
            raise InferenceError(error.detail) from None
        except RequestError as error:
            raise HTTPException(error.status, error.detail) from None
        except Exception as error:
            logger.exception("a request to KServe's protocols broke")
            raise InferenceError(f"Inference failed: {type(error).__name__}") from error

    async def _predict_v1(self, payload: dict[str, Any]) -> dict[str, Any]:
        signature = self._service.ready_model().signature
        outputs = await self._service.infer(v1.arrays(signature, payload))
        return v1.response(outputs, len(payload["instances"]))

    async def _predict_v2(self, request: InferRequest) -> InferResponse:
        signature = self._service.ready_model().signature
        outputs = await self._service.infer(v2.arrays(signature, request))
        return v2.response(self.name, signature, request, outputs)
