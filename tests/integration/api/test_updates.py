"""What may not change once a model is there."""

import shlex
from typing import Any

import pytest

from testcluster.api import Api, ApiError
from testcluster.controlplane import ControlPlane
from testcluster.errors import ClusterError


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


def test_scaling_to_none_in_standard_mode_says_how_to_suspend(
    admin: Api, namespace: str, control_plane: ControlPlane
) -> None:
    spec = {"model": {"source": {"uri": "s3://bucket/model"}}}
    metadata = {"name": "m", "namespace": namespace}
    admin.create({"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": metadata, "spec": spec})
    with pytest.raises(ClusterError) as refused:
        control_plane.kubectl("scale", "gpuxmodel", "m", "--replicas=0", "-n", namespace)
    said = str(refused.value)
    assert said.count("Invalid value") == 1, "one mistake, one message"
    assert "replicas.min: 0 needs serving.mode: Knative" in said
    command = said.split("set suspend: true: ")[1].splitlines()[0]
    program, *arguments = shlex.split(command.replace("NAME", "m"))
    assert program == "kubectl"
    control_plane.kubectl(*arguments, "-n", namespace)
    assert admin.get("gpux.io/v1alpha1", "GpuxModel", "m", namespace)["spec"]["suspend"] is True
