"""Replicas: autoscalers that nobody fights, models that are suspended and come back, budgets that come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from gpux_api.manifests import parse
from gpux_operator.build.inference_service import Images
from gpux_operator.engine.children import desired_children
from testcluster.api import ApiError
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Models

Object = dict[str, Any]
CPU = {"min": 2, "max": 5, "target": {"metric": "cpu", "value": 70}}
pytestmark = pytest.mark.usefixtures("operator")


def scale(models: Models, replicas: int) -> None:
    """What an autoscaler does."""
    patch = {"spec": {"replicas": replicas}}
    models.api.patch("apps/v1", "Deployment", "m-predictor", patch, models.namespace, subresource="scale")


def kubectl_scale(models: Models, replicas: int) -> None:
    patch = {"spec": {"replicas": replicas}}
    models.api.patch("gpux.io/v1alpha1", "GpuxModel", "m", patch, models.namespace, subresource="scale")


def budget(models: Models) -> Object | None:
    return models.api.find("policy/v1", "PodDisruptionBudget", "m", models.namespace)


def serving(models: Models, replicas: int) -> None:
    """Until that many replicas are counted."""

    def probe() -> bool:
        status = models.get()["status"]
        assert (status.get("replicas"), status.get("readyReplicas")) == (replicas, replicas), status
        return True

    eventually(probe, SOON, f"{replicas} replicas serve")


@pytest.mark.usefixtures("kserve")
def test_the_replicas_are_the_autoscaler_s(
    models: Models,
    operator_writes: Callable[[str], list[str]],
    settled_writes: Callable[..., list[str]],
    a_few_passes: Callable[[], None],
) -> None:
    models.apply(serving={"replicas": CPU})
    eventually(models.deployment, SOON, "there is a Deployment")
    eventually(lambda: "1 of 2 replicas" in models.condition("Ready")["message"], SOON, "an autoscaler is waited for")
    scale(models, 2)
    models.becomes("NewestGenerationServes")
    scale(models, 4)
    serving(models, 4)
    all_of_them = "4 of 4 replicas run the newest generation"
    eventually(lambda: models.condition("Ready")["message"] == all_of_them, SOON, "all of them are told")
    writes = settled_writes(models.namespace)
    a_few_passes()
    assert operator_writes(models.namespace) == writes
    deployment = models.deployment()
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 4
    assert models.becomes("NewestGenerationServes")["message"] == all_of_them


def test_kubectl_scale_sets_min_and_stays_below_max(models: Models) -> None:
    models.apply(serving={"replicas": CPU})
    models.has_isvc()
    kubectl_scale(models, 3)

    def followed() -> bool:
        predictor = models.has_isvc()["spec"]["predictor"]
        assert (predictor["minReplicas"], predictor["maxReplicas"]) == (3, 5)
        return True

    eventually(followed, SOON, "the InferenceService follows")
    with pytest.raises(ApiError, match=r"replicas.max is less than replicas.min"):
        kubectl_scale(models, 6)


@pytest.mark.usefixtures("kserve")
@pytest.mark.parametrize("replicas", [{"min": 2}, CPU], ids=["fixed", "autoscaled"])
def test_suspend_and_resume(models: Models, replicas: Object) -> None:
    models.apply(serving={"replicas": replicas})
    eventually(models.deployment, SOON, "there is a Deployment")
    if replicas is CPU:
        scale(models, 2)
    models.becomes("NewestGenerationServes")
    models.apply(serving={"replicas": replicas}, suspend=True)
    assert models.becomes("Suspended")["status"] == "False"
    eventually(
        lambda: models.condition("Ready")["message"] == "spec.suspend is true: no pod serves until it is false",
        SOON,
        "no pod is left",
    )
    assert models.becomes("Suspended", kind="Available")["status"] == "False"
    assert models.get()["status"]["replicas"] == 0
    kubectl_scale(models, 3)
    assert models.becomes("Suspended")["status"] == "False", "kubectl scale wakes nothing"
    models.apply(serving={"replicas": replicas})
    if replicas is CPU:
        eventually(models.deployment, SOON, "there is a Deployment again")
        scale(models, 3)
    models.becomes("NewestGenerationServes")


@pytest.mark.usefixtures("kserve")
def test_a_deployment_at_zero_is_made_anew_for_an_autoscaler(models: Models) -> None:
    """As a HorizontalPodAutoscaler leaves it alone there; a model that is resumed with a new target comes this way."""
    models.apply(suspend=True)
    models.becomes("Suspended")
    eventually(lambda: (models.deployment() or {"spec": {}})["spec"].get("replicas") == 0, SOON, "there is no replica")
    models.apply(serving={"replicas": {"max": 3, "target": {"metric": "cpu", "value": 80}}})
    models.becomes("NewestGenerationServes")
    assert "serving.kserve.io/stop" not in models.has_isvc()["metadata"]["annotations"]


@pytest.mark.usefixtures("kserve")
def test_the_budget_comes_goes_and_is_put_right(models: Models) -> None:
    models.apply(serving={"replicas": {"min": 2}})
    models.becomes("NewestGenerationServes")
    eventually(lambda: budget(models), SOON, "there is a budget")
    eventually(
        lambda: (budget(models) or {})["status"].get("disruptionsAllowed") == 1, SOON, "it is about the model's pods"
    )
    models.api.patch("policy/v1", "PodDisruptionBudget", "m", {"spec": {"maxUnavailable": 2}}, models.namespace)
    eventually(lambda: (budget(models) or {})["spec"]["maxUnavailable"] == 1, SOON, "it is put right")
    kubectl_scale(models, 1)
    eventually(lambda: budget(models) is None, SOON, "one replica has none")
    models.becomes("NewestGenerationServes")


def test_keda_is_missed(models: Models) -> None:
    models.apply(serving={"replicas": {"max": 3, "target": {"metric": "queue", "value": 4}}})
    assert "install KEDA" in models.becomes("AutoscalerMissing")["message"]
    assert models.isvc() is None
    models.apply(serving={"replicas": CPU})
    models.has_isvc()


def test_what_is_written_fits_kserve_s_schema(models: Models) -> None:
    """Unknown fields are refused here, where they would be dropped in silence elsewhere."""
    gpu = {"product": "NVIDIA-H100-80GB-HBM3", "minMemory": "70Gi", "runtimeClassName": "nvidia"}
    replicas = {"max": 3, "target": {"metric": "concurrency", "value": 4}}
    document = models.manifest(runtime={"gpu": gpu}, serving={"replicas": replicas})
    desired = desired_children(parse(document), models.namespace, Images("predictor:test"), "http://prometheus:9090")
    path = f"/apis/serving.kserve.io/v1beta1/namespaces/{models.namespace}/inferenceservices"
    stored = models.api.request(
        "POST", path, desired.inference_service, params={"dryRun": "All", "fieldValidation": "Strict"}
    )
    for name, value in desired.inference_service["spec"]["predictor"].items():
        assert stored["spec"]["predictor"][name] == value, name
