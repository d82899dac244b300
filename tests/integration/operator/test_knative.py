"""Models in KServe's Knative mode, with the rights of the chart. Knative's part is played by `testcluster.knative`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from testcluster import knative_crd
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Kserve, Models

    from testcluster.api import Api

Object = dict[str, Any]
SERVING = "serving.knative.dev/v1"
KNATIVE: Object = {
    "mode": "Knative",
    "replicas": {"min": 0, "max": 4, "target": {"metric": "concurrency", "value": 8}},
}
pytestmark = pytest.mark.usefixtures("operator")


def version(value: str) -> Object:
    """Another version of the model."""
    return {**KNATIVE, "env": [{"name": "VERSION", "value": value}]}


def canary(percent: int) -> Object:
    return {"canary": {"percent": percent}}


def replicas(models: Models, count: int) -> None:
    def probe() -> bool:
        assert models.get()["status"]["replicas"] == count, models.get()["status"]
        return True

    eventually(probe, SOON, f"there are {count} replicas")


@pytest.mark.usefixtures("knative")
def test_it_sleeps_and_wakes_up(
    models: Models,
    kserve: Kserve,
    operator_writes: Callable[[str], list[str]],
    settled_writes: Callable[[str], list[str]],
    a_few_passes: Callable[[], None],
) -> None:
    models.apply(serving=KNATIVE)
    models.becomes("NewestGenerationServes")
    predictor = models.has_isvc()["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (0, 4)
    assert (predictor["scaleMetric"], predictor["scaleTarget"]) == ("concurrency", 8)
    status = models.get()["status"]
    assert status["url"] == f"http://m-predictor.{models.namespace}.example.com"
    assert status["address"]["url"] == f"http://m-predictor.{models.namespace}.svc.cluster.local"
    assert (status["replicas"], status["readyReplicas"]) == (1, 1)
    kserve.knative.replicas = 0
    assert models.becomes("ScaledToZero")["status"] == "True"
    replicas(models, 0)
    assert models.condition("Available")["status"] == "True"
    writes = settled_writes(models.namespace)
    a_few_passes()
    assert operator_writes(models.namespace) == writes, "a pass that finds nothing new writes nothing"
    kserve.knative.replicas = 2
    models.becomes("NewestGenerationServes")
    replicas(models, 2)


@pytest.mark.usefixtures("knative", "kserve")
def test_it_is_suspended_and_deleted(models: Models, admin: Api) -> None:
    models.apply(serving=KNATIVE)
    models.becomes("NewestGenerationServes")
    models.apply(serving=KNATIVE, suspend=True)
    models.becomes("Suspended")
    eventually(lambda: not admin.list(SERVING, "Service", models.namespace), SOON, "there is no Knative Service")
    replicas(models, 0)
    models.apply(serving=KNATIVE)
    models.becomes("NewestGenerationServes")
    models.delete()
    eventually(lambda: models.isvc() is None and not models.config_maps(), SOON, "all of ours is gone")


@pytest.mark.usefixtures("knative", "kserve")
def test_a_canary_is_split_promoted_and_taken_back(models: Models) -> None:
    models.apply(serving=version("1"), rollout=canary(20))
    models.becomes("NewestGenerationServes")
    models.apply(serving=version("2"), rollout=canary(20))
    message = models.becomes("CanaryInProgress")["message"]
    assert "20 % of the requests go to the newest generation (revision m-predictor-00002)" in message
    assert "80 % to revision m-predictor-00001" in message
    assert len(models.config_maps()) == 1, "both versions read the same"
    models.apply(serving=version("2"), rollout=canary(0))
    assert "0 % of the requests go to the newest" in models.becomes("CanaryInProgress")["message"]
    models.apply(serving=version("2"), rollout=canary(100))
    models.becomes("NewestGenerationServes")
    models.apply(serving=version("2"), rollout=canary(30))
    assert "70 % to revision m-predictor-00001" in models.becomes("CanaryInProgress")["message"]
    models.apply(serving=version("2"))
    models.becomes("NewestGenerationServes")


@pytest.mark.usefixtures("knative", "kserve")
def test_a_revision_that_may_get_requests_again_keeps_its_config_map(models: Models, admin: Api) -> None:
    models.apply(serving=KNATIVE, runtime={"timeoutSeconds": 10}, rollout=canary(50))
    models.becomes("NewestGenerationServes")
    models.apply(serving=KNATIVE, runtime={"timeoutSeconds": 20}, rollout=canary(50))
    models.becomes("CanaryInProgress")
    assert len(models.config_maps()) == 2
    models.apply(serving=KNATIVE, runtime={"timeoutSeconds": 20})
    models.becomes("NewestGenerationServes")
    assert len(models.config_maps()) == 2, "the revision is there still"
    admin.delete(SERVING, "Revision", "m-predictor-00001", models.namespace)
    eventually(lambda: len(models.config_maps()) == 1, SOON, "the ConfigMap follows its revision")


@pytest.mark.usefixtures("knative")
def test_a_version_that_fails_leaves_the_old_one_serving(models: Models, kserve: Kserve) -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    container = {"name": "kserve-container", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    unready = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
        "containerStatuses": [{**container, "state": waiting}],
    }
    good = kserve.pod_status

    def pod_status(pod: Object) -> Object:
        bad = any(item.get("value") == "bad" for item in pod["spec"]["containers"][0]["env"])
        return unready if bad else good(pod)

    kserve.pod_status = pod_status
    models.apply(serving=version("1"))
    models.becomes("NewestGenerationServes")
    models.apply(serving=version("bad"))
    assert "Back-off pulling image" in models.becomes("ImagePullFailed")["message"]
    available = models.condition("Available")
    assert available["status"] == "True"
    assert "not all of them of the newest generation" in available["message"]
    too_slow = {"type": "Ready", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too slow"}
    kserve.knative.failing["slow"] = too_slow
    models.apply(serving=version("slow"))
    assert "ProgressDeadlineExceeded: too slow" in models.becomes("RevisionFailed")["message"]
    models.apply(serving=version("1"))
    models.becomes("NewestGenerationServes")


def test_knative_may_come_later(models: Models, kserve: Kserve, admin: Api) -> None:
    knative_crd.remove(admin)
    try:
        models.apply(serving=KNATIVE)
        assert "install it" in models.becomes("KnativeNotInstalled")["message"]
        assert models.condition("Accepted")["status"] == "True", "the spec is not what is wrong"
        assert models.isvc() is None
        models.apply("other")
        models.becomes("NewestGenerationServes", "other")
    finally:
        knative_crd.install(admin)
    models.becomes("NewestGenerationServes")
    assert kserve.knative.replicas == 1
