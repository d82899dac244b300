"""Replicas: autoscalers that nobody fights, models that are suspended and come back, budgets that come and go.

The HorizontalPodAutoscaler is real, and so is the controller that scales by it; the CPU that pods use is the test's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from gpux_api.manifests import parse
from gpux_operator.build.inference_service import Images
from gpux_operator.engine.desired import desired_children
from testcluster import metrics_api
from testcluster.api import ApiError
from testcluster.metrics_api import MetricsApi
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Kserve, Models

    from testcluster.controlplane import ControlPlane

Object = dict[str, Any]
CPU = {"min": 2, "max": 5, "target": {"metric": "cpu", "value": 70}}
ONE_CORE = {"requests": {"cpu": "1"}}
HPA = "autoscaling/v2", "HorizontalPodAutoscaler"
pytestmark = pytest.mark.usefixtures("operator")


def test_a_metrics_api_that_does_not_come_up_leaves_nothing(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its APIService alone would keep every namespace of the cluster from ending."""
    monkeypatch.setattr(metrics_api, "AVAILABLE_SECONDS", 0)
    monkeypatch.setattr(metrics_api, "ROOT", "/apis/metrics.k8s.io/another")
    api = control_plane.api
    with pytest.raises(AssertionError, match="is served"), MetricsApi(api):
        raise NotImplementedError("it came up")
    assert api.find("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io") is None
    assert api.find("v1", "Service", "metrics", "kube-system") is None


@pytest.fixture(scope="module")
def metrics(control_plane: ControlPlane) -> Iterator[MetricsApi]:
    with MetricsApi(control_plane.api) as running:
        yield running


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


def told(models: Models, message: str) -> None:
    eventually(lambda: models.condition("Ready")["message"] == message, SOON, message)


@pytest.mark.usefixtures("kserve")
def test_the_replicas_are_the_autoscaler_s(
    models: Models,
    metrics: MetricsApi,
    operator_writes: Callable[[str], list[str]],
    settled_writes: Callable[..., list[str]],
    a_few_passes: Callable[[], None],
) -> None:
    metrics.millicores[models.namespace] = 1400
    models.apply(serving={"replicas": CPU, "resources": ONE_CORE})
    models.becomes("NewestGenerationServes")
    told(models, "2 of 2 replicas run the newest generation")
    metrics.millicores[models.namespace] = 2800  # 140 % of a core in each of two pods, 70 % in four
    serving(models, 4)
    told(models, "4 of 4 replicas run the newest generation")
    writes = settled_writes(models.namespace)
    a_few_passes()
    assert operator_writes(models.namespace) == writes
    deployment = models.deployment()
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 4
    metrics.millicores[models.namespace] = 9000
    serving(models, 5)
    metrics.millicores[models.namespace] = 100
    serving(models, 2)
    assert models.becomes("NewestGenerationServes")["status"] == "True"
    after = operator_writes(models.namespace)[len(writes) :]
    assert {line.split()[1] for line in after} == {"gpuxmodels"}, "no event: it was ready all the time"


def test_replicas_that_only_start_are_counted_and_change_nothing_of_ready(
    models: Models, metrics: MetricsApi, kserve: Kserve
) -> None:
    metrics.millicores[models.namespace] = 1400
    models.apply(serving={"replicas": CPU, "resources": ONE_CORE})
    models.becomes("NewestGenerationServes")
    told(models, "2 of 2 replicas run the newest generation")
    first = {pod["metadata"]["name"] for pod in models.api.list("v1", "Pod", models.namespace)}
    serves = kserve.pod_status
    kserve.pod_status = lambda pod: serves(pod) if pod["metadata"]["name"] in first else {"phase": "Pending"}
    metrics.millicores[models.namespace] = 2800
    told(models, "2 of 4 replicas run the newest generation")
    status = models.get()["status"]
    assert (status["replicas"], status["readyReplicas"]) == (4, 2)
    assert models.condition("Ready")["status"] == models.condition("Available")["status"] == "True"
    kubectl_scale(models, 3)  # what starts counts as soon as it is asked for
    assert models.becomes("PodsNotReady")["status"] == "False"
    kserve.pod_status = serves
    models.becomes("NewestGenerationServes")


@pytest.mark.usefixtures("kserve")
def test_kubectl_scale_of_an_autoscaled_model_is_kept(models: Models, metrics: MetricsApi) -> None:
    metrics.millicores[models.namespace] = 0
    models.apply(serving={"replicas": CPU, "resources": ONE_CORE})
    serving(models, 2)
    kubectl_scale(models, 3)
    serving(models, 3)
    time.sleep(4)  # the autoscaler would have taken one away by now
    serving(models, 3)
    kubectl_scale(models, 2)
    serving(models, 2)


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
