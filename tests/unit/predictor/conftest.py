import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from gpux_api.manifests import parse
from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.serving.loading import LoadedModel, Origin, load
from gpux_predictor.serving.service import ModelService

MakeModel = Callable[..., GpuxModel]
MakeService = Callable[..., ModelService]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """A GpuxModel of `model.onnx` in the test's folder; keyword arguments are further fields of the spec."""

    def make(**spec: Any) -> GpuxModel:
        source = {"uri": "file://" + str(tmp_path / "model.onnx")} | spec.pop("source", {})
        manifest = {
            "apiVersion": "gpux.io/v1alpha1",
            "kind": "GpuxModel",
            "metadata": {"name": "test"},
            "spec": {"model": {"source": source} | spec.pop("model", {}), **spec},
        }
        return parse(manifest)

    return make


@pytest.fixture
def load_model(make_model: MakeModel, tmp_path: Path) -> Callable[..., LoadedModel]:
    """Loads `model.onnx` of the test's folder."""
    return lambda **spec: load(make_model(**spec), Origin(tmp_path))


@pytest.fixture
def make_service(make_model: MakeModel, tmp_path: Path) -> MakeService:
    """A service of `model.onnx` of the test's folder, loaded."""

    def make(**spec: Any) -> ModelService:
        service = ModelService(make_model(**spec), Origin(tmp_path))
        service.load()
        return service

    return make


@pytest.fixture
def ask() -> Callable[[ModelService, object], Any]:
    """Sends one body to /predict's pipeline and parses the answer."""
    return lambda service, body: orjson.loads(asyncio.run(service.predict(orjson.dumps(body))).content)
