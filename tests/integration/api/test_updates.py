"""What may not change once a model is there."""

import pytest

from testcluster.api import Api, ApiError


def test_the_port_of_a_model_cannot_change(admin: Api, namespace: str) -> None:
    model = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "m", "namespace": namespace},
        "spec": {"model": {"source": {"uri": "s3://bucket/model"}}},
    }
    admin.create(model)
    with pytest.raises(ApiError, match="port cannot be changed while the model serves"):
        admin.patch("gpux.io/v1alpha1", "GpuxModel", "m", {"spec": {"serving": {"port": 9000}}}, namespace)
    admin.patch("gpux.io/v1alpha1", "GpuxModel", "m", {"spec": {"serving": {"replicas": {"min": 2}}}}, namespace)


def test_the_mode_of_a_model_cannot_change(admin: Api, namespace: str) -> None:
    model = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "m", "namespace": namespace},
        "spec": {"model": {"source": {"uri": "s3://bucket/model"}}},
    }
    admin.create(model)
    with pytest.raises(ApiError, match="mode cannot be changed"):
        admin.patch("gpux.io/v1alpha1", "GpuxModel", "m", {"spec": {"serving": {"mode": "Knative"}}}, namespace)
    admin.patch("gpux.io/v1alpha1", "GpuxModel", "m", {"spec": {"serving": {"mode": "Standard"}}}, namespace)
