"""A model's life, with the operator as a real process and a real API server below it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from testcluster.api import Api, ApiError
from testcluster.waiting import SOON, consistently, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Kserve, Models, Operator

KSERVE = "serving.kserve.io/v1beta1"
Object = dict[str, Any]
pytestmark = pytest.mark.usefixtures("operator")


def test_a_model_gets_its_children(models: Models) -> None:
    made = models.apply()
    isvc = models.has_isvc()
    (config_map,) = models.config_maps()
    owner = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "name": "m", "uid": made["metadata"]["uid"]}
    for child in (isvc, config_map):
        assert child["metadata"]["ownerReferences"] == [{**owner, "controller": True, "blockOwnerDeletion": True}]
    assert isvc["spec"]["predictor"]["volumes"][0]["configMap"]["name"] == config_map["metadata"]["name"]
    assert isvc["spec"]["predictor"]["containers"][0]["image"] == "predictor:test"
    assert config_map["immutable"] is True
    assert models.becomes("WaitingForKServe")["status"] == "Unknown"
    assert models.becomes("Valid", kind="Accepted")["status"] == "True"


@pytest.mark.usefixtures("kserve")
def test_a_model_becomes_ready_and_then_nothing_is_written(
    models: Models,
    operator_writes: Callable[[str], list[str]],
    settled_writes: Callable[..., list[str]],
    a_few_passes: Callable[[], None],
) -> None:
    models.apply(
        serving={
            "replicas": {"min": 2},
            "resources": {"limits": {"memory": "1024Mi"}},
            "env": [{"name": "EMPTY", "value": ""}],
        }
    )
    assert models.becomes("NewestGenerationServes")["status"] == "True"
    status = models.get()["status"]
    assert (status["replicas"], status["readyReplicas"]) == (2, 2)
    assert status["address"]["url"] == f"http://m-predictor.{models.namespace}.svc.cluster.local"
    assert "url" not in status, "KServe names one, and there is no ingress"
    writes = settled_writes(models.namespace)
    versions = [
        item["metadata"]["resourceVersion"] for item in (models.get(), models.has_isvc(), *models.config_maps())
    ]
    a_few_passes()
    assert operator_writes(models.namespace) == writes
    assert [
        item["metadata"]["resourceVersion"] for item in (models.get(), models.has_isvc(), *models.config_maps())
    ] == versions
    assert len(set(writes)) <= 12, writes


@pytest.mark.usefixtures("kserve")
def test_an_update_rolls_out_and_the_old_version_serves_until_then(models: Models, kserve: Kserve) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    old = models.config_maps()[0]["metadata"]["name"]
    kserve.pod_status = lambda pod: LOADING if old not in str(pod["spec"]) else RUNNING
    models.apply(model={"source": {"uri": "s3://bucket/model"}, "version": "2"})
    assert models.becomes("PodsNotReady")["status"] == "False"
    assert models.condition("Available")["status"] == "True"
    assert len(models.config_maps()) == 2
    kserve.pod_status = lambda pod: RUNNING
    models.becomes("NewestGenerationServes")
    eventually(
        lambda: [item["metadata"]["name"] for item in models.config_maps()] != [old] and len(models.config_maps()) == 1,
        SOON,
        "the old ConfigMap is gone",
    )


CONDITIONS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
RUNNING: Object = {"phase": "Running", "conditions": [{"type": kind, "status": "True"} for kind in CONDITIONS]}
CONTAINER = {"name": "kserve-container", "image": "predictor:test", "imageID": "", "restartCount": 3, "ready": False}


def broken(container: Object | None = None, init: Object | None = None, **conditions: Object) -> Object:
    said = [{"type": kind, "status": "False", **conditions.get(kind, {})} for kind in ("Ready", *conditions)]
    return {
        "phase": "Pending",
        "conditions": [dict(item) for item in {item["type"]: item for item in said}.values()],
        "containerStatuses": [CONTAINER | container] if container else [],
        "initContainerStatuses": [CONTAINER | {"name": "storage-initializer"} | init] if init else [],
    }


LOADING = broken({"state": {"running": {}}})
CAUSES = [
    (
        "ImagePullFailed",
        broken({"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}),
        "no such image",
    ),
    (
        "Unschedulable",
        broken(
            PodScheduled={
                "reason": "Unschedulable",
                "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
            }
        ),
        "Insufficient nvidia.com/gpu",
    ),
    (
        "StorageInitializerFailed",
        broken(init={"state": {"terminated": {"exitCode": 1, "message": "no such bucket"}}}),
        "no such bucket",
    ),
    (
        "ContainerConfigError",
        broken({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "s" not found'}}}),
        'secret "s" not found',
    ),
    (
        "OOMKilled",
        broken(
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            }
        ),
        "limits.memory",
    ),
    (
        "CrashLoopBackOff",
        broken(
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 2, "message": "bye"}},
            }
        ),
        "exit code 2: bye",
    ),
]


def test_the_causes_in_pods_reach_the_status_and_one_event_each(models: Models, kserve: Kserve, admin: Api) -> None:
    def told(reason: str) -> list[Object]:
        return [event for event in admin.list("v1", "Event", models.namespace) if event["reason"] == reason]

    models.apply()
    for reason, status, words in CAUSES:
        kserve.pod_status = lambda pod, status=status: status  # type: ignore[misc]
        assert words in models.becomes(reason)["message"]
        assert models.condition("Available")["status"] == "False"
        events = eventually(partial(told, reason), SOON, f"there is an event {reason}")
        assert [(event["type"], event["count"]) for event in events] == [("Warning", 1)]
    kserve.pod_status = lambda pod: RUNNING
    models.becomes("NewestGenerationServes")


@pytest.mark.usefixtures("kserve")
def test_a_quota_on_pods_is_named(models: Models, admin: Api) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": models.namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    admin.create(quota)
    eventually(
        lambda: admin.get("v1", "ResourceQuota", "none", models.namespace).get("status"), SOON, "the quota is in force"
    )
    models.apply()
    assert "exceeded quota: none" in models.becomes("QuotaExceeded")["message"]


def test_the_url_needs_an_ingress_with_its_host(models: Models, admin: Api, kserve: Kserve) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    host = f"m-{models.namespace}.example.com"
    backend = {"service": {"name": "m-predictor", "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "m", "namespace": models.namespace},
    }
    admin.create({**ingress, "spec": {"rules": [rule]}})
    eventually(lambda: models.get()["status"].get("url") == f"http://{host}", SOON, "the status has the URL")
    models.apply(serving={"visibility": "ClusterLocal"})
    models.becomes("NewestGenerationServes")
    assert "url" not in models.get()["status"]
    assert models.has_isvc()["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"


@pytest.mark.usefixtures("kserve")
def test_it_scales_by_the_scale_subresource_without_rolling_a_pod(models: Models, admin: Api) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    pods = {pod["metadata"]["uid"] for pod in admin.list("v1", "Pod", models.namespace)}
    path = f"/apis/gpux.io/v1alpha1/namespaces/{models.namespace}/gpuxmodels/m/scale"
    admin.request("PATCH", path, {"spec": {"replicas": 3}}, content_type="application/merge-patch+json")
    eventually(lambda: models.get()["status"]["readyReplicas"] == 3, SOON, "three replicas are ready")
    scale = admin.request("GET", path)
    assert (scale["status"]["replicas"], scale["status"]["selector"]) == (3, "app=isvc.m-predictor")
    assert pods < {pod["metadata"]["uid"] for pod in admin.list("v1", "Pod", models.namespace)}


def drop_labels(isvc: Object) -> Object:
    return {"metadata": {"labels": dict.fromkeys(isvc["metadata"]["labels"])}}


def edit_image(isvc: Object) -> Object:
    return {"spec": {"predictor": {"containers": [{**isvc["spec"]["predictor"]["containers"][0], "image": "evil"}]}}}


def drop_grace(isvc: Object) -> Object:
    return {"spec": {"predictor": {"terminationGracePeriodSeconds": None}}}


def add_port(isvc: Object) -> Object:
    container = isvc["spec"]["predictor"]["containers"][0]
    return {
        "spec": {"predictor": {"containers": [{**container, "args": ["--else"]}, {"name": "sidecar", "image": "x"}]}}
    }


@pytest.mark.parametrize("edit", [drop_labels, edit_image, drop_grace, add_port])
def test_an_edit_of_the_inference_service_is_undone(
    models: Models, admin: Api, edit: Callable[[Object], Object]
) -> None:
    models.apply()
    before = models.has_isvc()
    models.becomes("WaitingForKServe")
    admin.patch(KSERVE, "InferenceService", "m", edit(before), models.namespace)
    eventually(lambda: same(models.has_isvc(), before), SOON, "the edit is undone")


def same(one: Object, other: Object) -> bool:
    return bool(one["spec"] == other["spec"] and one["metadata"]["labels"] == other["metadata"]["labels"])


def test_labels_and_finalizers_of_others_stay(models: Models, admin: Api, a_few_passes: Callable[[], None]) -> None:
    models.apply()
    models.has_isvc()
    admin.patch(
        KSERVE,
        "InferenceService",
        "m",
        {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}},
        models.namespace,
    )
    a_few_passes()
    assert models.has_isvc()["metadata"]["labels"]["team"] == "a"
    assert models.has_isvc()["metadata"]["annotations"]["note"] == "b"


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_deleted_children_come_back(models: Models, admin: Api, propagation: str) -> None:
    models.apply()
    isvc = models.has_isvc()
    (config_map,) = models.config_maps()
    admin.delete(KSERVE, "InferenceService", "m", models.namespace, propagation=propagation)
    admin.delete("v1", "ConfigMap", config_map["metadata"]["name"], models.namespace)
    eventually(
        lambda: models.has_isvc()["metadata"]["uid"] != isvc["metadata"]["uid"],
        SOON,
        "there is another InferenceService",
    )
    eventually(
        lambda: models.config_maps()[0]["metadata"]["uid"] != config_map["metadata"]["uid"],
        SOON,
        "there is another ConfigMap",
    )


@pytest.mark.usefixtures("kserve")
@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_deleting_the_model_deletes_all_of_it(models: Models, admin: Api, propagation: str) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    assert models.get()["metadata"].get("finalizers") is None
    models.delete(propagation=propagation)
    eventually(lambda: models.isvc() is None and not models.config_maps(), SOON, "the children are gone")
    eventually(
        lambda: models.deployment() is None and not admin.list("v1", "Pod", models.namespace), SOON, "and theirs"
    )


@pytest.mark.usefixtures("kserve")
def test_a_model_made_anew_at_once_gets_children_of_its_own(models: Models) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    models.delete()
    made = models.apply()
    models.becomes("NewestGenerationServes", timeout=SOON)
    assert models.has_isvc()["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]


def test_an_inference_service_of_the_name_is_never_taken_over(
    models: Models, admin: Api, a_few_passes: Callable[[], None]
) -> None:
    predictor = {"containers": [{"name": "kserve-container", "image": "mine"}]}
    theirs = {
        "apiVersion": KSERVE,
        "kind": "InferenceService",
        "metadata": {"name": "m", "namespace": models.namespace},
    }
    before = admin.create({**theirs, "spec": {"predictor": predictor}})
    models.apply()
    assert "was not made by this operator" in models.becomes("NameConflict")["message"]
    assert models.condition("Accepted")["status"] == "False"
    a_few_passes()
    assert models.has_isvc()["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    models.delete()
    consistently(models.isvc, 1, "their InferenceService stays")
    models.apply()
    admin.delete(KSERVE, "InferenceService", "m", models.namespace)
    models.becomes("WaitingForKServe", timeout=2 * SOON)


def test_a_schedule_comes_is_repaired_and_goes(
    admin: Api, models: Models, settled_writes: Callable[..., list[str]], a_few_passes: Callable[[], None]
) -> None:
    def cron_job() -> Object | None:
        return admin.find("batch/v1", "CronJob", "m", models.namespace)

    entities = {"uri": "s3://tables/e.csv", "keyColumn": "id"}
    models.apply(
        batch={
            "schedule": "0 5 * * *",
            "timeZone": "Europe/London",
            "entities": entities,
            "output": {"uri": "pvc://r/m"},
        }
    )
    made = eventually(cron_job, SOON, "there is a CronJob")
    assert (made["spec"]["timeZone"], made["spec"]["concurrencyPolicy"]) == ("Europe/London", "Forbid")
    admin.delete("batch/v1", "CronJob", "m", models.namespace)
    eventually(lambda: (cron_job() or made)["metadata"]["uid"] != made["metadata"]["uid"], SOON, "it is there again")
    settled_writes(models.namespace)
    version = (cron_job() or {})["metadata"]["resourceVersion"]
    a_few_passes()
    assert (cron_job() or {})["metadata"]["resourceVersion"] == version, "a CronJob that is right is left alone"
    models.apply()
    eventually(lambda: cron_job() is None, SOON, "it has gone")


def test_a_name_too_long_for_its_namespace_is_refused_with_a_hint(models: Models) -> None:
    name = "m" * (53 - len(models.namespace))
    models.apply(name)
    found = models.becomes("NameTooLong", name)
    assert f"at most {52 - len(models.namespace)} characters" in found["message"]
    assert models.isvc(name) is None
    assert models.config_maps(name) == []


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"model": {"source": {"uri": "file:///m.onnx"}}}, "FileSourceInCluster"),
        ({"runtime": {"gpu": {"backend": "coreml"}}}, "BackendNotInCluster"),
        ({"serving": {"affinity": {"podAffinityy": {}}}}, "Rejected"),
    ],
)
def test_what_only_a_cluster_cannot_do_is_told_and_recovers(models: Models, spec: Object, reason: str) -> None:
    models.apply(**spec)
    assert models.becomes(reason)["status"] == "False"
    assert models.condition("Accepted")["reason"] == reason
    assert models.isvc() is None
    models.apply()
    models.becomes("WaitingForKServe")


def test_a_bad_update_leaves_the_good_version_serving(models: Models, kserve: Kserve) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    before = models.has_isvc()["spec"]
    models.apply(model={"source": {"uri": "file:///m.onnx"}})
    models.becomes("FileSourceInCluster")
    assert models.condition("Available")["status"] == "True"
    assert models.has_isvc()["spec"] == before


def test_a_namespace_that_ends_takes_everything_along(admin: Api, operator: Operator, models: Models) -> None:
    made = admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "ending-"}})["metadata"][
        "name"
    ]
    admin.create({**models.manifest(), "metadata": {"name": "m", "namespace": made}})
    eventually(lambda: admin.find(KSERVE, "InferenceService", "m", made), SOON, "there is an InferenceService")
    admin.delete("v1", "Namespace", made)
    eventually(lambda: admin.find("v1", "Namespace", made) is None, SOON, "the namespace is gone")


def test_probes_and_metrics(operator: Operator, models: Models) -> None:
    models.apply()
    models.becomes("WaitingForKServe")
    assert operator.fetch(operator.health_port, "/healthz") == (200, "ok\n")
    assert operator.fetch(operator.health_port, "/readyz") == (200, "ok\n")
    assert operator.metric('gpux_operator_watch_last_event_timestamp_seconds{resource="gpuxmodels"}') > time.time() - 60
    assert operator.metric('gpux_operator_reconcile_total{result="bug"}') == 0
    assert "OperatorForbidden" not in operator.log(), "the chart's rights are enough"
    assert "cannot " not in operator.log(), "nor does RBAC say so anywhere else"


def test_the_rights_end_where_they_should(service_account: Any, namespace: str) -> None:
    with Api(service_account) as api:
        for kind in ("Secret", "ServiceAccount", "Service"):
            with pytest.raises(ApiError) as caught:
                api.list("v1", kind, namespace)
            assert caught.value.status == 403
