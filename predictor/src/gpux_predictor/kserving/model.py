"""The service as a `kserve.Model`, by which KServe's own routes see that the model is there and whether it is ready."""

from kserve import Model

from gpux_predictor.serving.service import ModelService


class OnnxModel(Model):  # type: ignore[misc]  # kserve has no types
    """A `kserve.Model` on our service; `ready` follows the service's health.

    It has no `predict`: the routes of `protocols` answer before KServe's, whose decoding turns tensors into lists.
    """

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
