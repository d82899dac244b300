"""The ConfigMap that carries the model's manifest to the predictor.

Its name contains a digest of its content and it is immutable: pods of an old version keep their own until they are gone.
"""

from gpux_api.projection import serving_manifest
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.metadata import Manifest, child_metadata, digest
from gpux_operator.build.text import yaml_text

FILE_NAME = "model.yaml"
MAX_BYTES = 2**20
"""What the data of a ConfigMap may have (Kubernetes, MaxSecretSize in pkg/apis/core)."""


def manifest_text(model: GpuxModel) -> str:
    """The manifest as the predictor is given it; the same text every time."""
    return yaml_text(serving_manifest(model), sort_keys=True)


def config_map(model: GpuxModel, namespace: str) -> Manifest:
    """The ConfigMap of this version of the model."""
    data = {FILE_NAME: manifest_text(model)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": child_metadata(model, f"{model.metadata.name}-{digest(data, 10)}", namespace),
        "immutable": True,
        "data": data,
    }
