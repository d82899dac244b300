"""What may not change once a model is there."""

from typing import Any

import pytest

from testcluster.api import Api, ApiError


@pytest.mark.parametrize(
    ("change", "message", "allowed"),
    [
        ({"port": 9000}, "port cannot be changed while the model serves", {"replicas": {"min": 2}}),
        ({"mode": "Knative"}, "mode cannot be changed", {"mode": "Standard"}),
    ],
    ids=["port", "mode"],
)
def test_what_cannot_change(
    admin: Api, namespace: str, change: dict[str, Any], message: str, allowed: dict[str, Any]
) -> None:
    model = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "m", "namespace": namespace},
        "spec": {"model": {"source": {"uri": "s3://bucket/model"}}},
    }
    admin.create(model)
    with pytest.raises(ApiError, match=message):
        admin.patch("gpux.io/v1alpha1", "GpuxModel", "m", {"spec": {"serving": change}}, namespace)
    admin.patch("gpux.io/v1alpha1", "GpuxModel", "m", {"spec": {"serving": allowed}}, namespace)
