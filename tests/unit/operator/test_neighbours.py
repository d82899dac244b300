"""What others own or write: namesakes that KServe would take over, ways in that it leaves behind, drift in the predictor."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from gpux_operator.engine.drift import STANDS_SECONDS
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.kube.api import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    GPUX_MODELS,
    HORIZONTAL_POD_AUTOSCALERS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    INGRESSES,
    SERVICES,
    Resource,
)
from gpux_operator.kube.errors import Forbidden, Rejected

if TYPE_CHECKING:
    from tests.unit.operator.conftest import FakeApi

    from gpux_operator.engine.queue import Key

Manifest = dict[str, Any]
CLUSTER_LOCAL = {"serving": {"visibility": "ClusterLocal"}}


def ready(model: Manifest) -> Manifest:
    found: Manifest = next(item for item in model["status"]["conditions"] if item["type"] == "Ready")
    return found


def put(api: FakeApi, resource: Resource, name: str, owner: Manifest | None = None, **metadata: Any) -> Manifest:
    references = [{"controller": True, **owner}] if owner else []
    metadata |= {"name": name, "namespace": "prod", "uid": f"uid-of-{name}", "ownerReferences": references}
    api.objects[resource, "prod", name] = {"metadata": metadata}
    return api.objects[resource, "prod", name]


@pytest.fixture
def settled(api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler) -> FakeApi:
    """A Public model that serves."""
    change(api, manifest, {})
    reconciler.reconcile(key)
    api.kserve_and_kubelet(key)
    assert reconciler.reconcile(key).result == "ready"
    api.calls.clear()
    return api


def change(api: FakeApi, manifest: Manifest, spec: Manifest) -> None:
    api.store(GPUX_MODELS, {**manifest, "spec": {**manifest["spec"], **spec}}, "user")


NAMES = [
    (INGRESSES, "sentiment"),
    (HTTP_ROUTES, "sentiment"),
    (HTTP_ROUTES, "sentiment-predictor"),
    (SERVICES, "sentiment-predictor"),
    (DEPLOYMENTS, "sentiment-predictor"),
    (HORIZONTAL_POD_AUTOSCALERS, "sentiment-predictor"),
]


@pytest.mark.parametrize(("resource", "name"), NAMES, ids=lambda value: getattr(value, "plural", value))
@pytest.mark.parametrize(
    "owner", [None, {"kind": "ReplicaSet", "name": "sentiment", "uid": "x"}, {"kind": "InferenceService", "name": "y"}]
)
def test_a_namesake_that_kserve_would_take_over_stops_everything(
    api: FakeApi,
    key: Key,
    manifest: Manifest,
    reconciler: Reconciler,
    resource: Resource,
    name: str,
    owner: Manifest | None,
) -> None:
    change(api, manifest, {})
    put(api, resource, name, owner)
    outcome = reconciler.reconcile(key)
    assert (outcome.result, outcome.reason, outcome.retry_seconds) == ("problem", "NameConflict", 60.0)
    assert "KServe would take it over" in ready(api.model(key))["message"]
    assert api.of(INFERENCE_SERVICES) == api.of(CONFIG_MAPS) == []
    del api.objects[resource, "prod", name]
    assert reconciler.reconcile(key).reason == "WaitingForKServe"


def test_what_an_inference_service_of_the_name_left_behind_is_no_conflict(
    settled: FakeApi, key: Key, reconciler: Reconciler
) -> None:
    del settled.objects[INFERENCE_SERVICES, key.namespace, key.name]
    assert reconciler.reconcile(key).result == "progressing"
    assert settled.of(INFERENCE_SERVICES)


def test_names_are_asked_for_only_before_kserve_first_writes_them(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    reconciler.reconcile(key)
    change(settled, manifest, {"serving": {"nodeSelector": {"zone": "a"}}})
    reconciler.reconcile(key)
    assert not [
        call for call in settled.calls if call[1] in {"services", "ingresses", "httproutes", "horizontalpodautoscalers"}
    ]


def test_a_user_s_ingress_to_a_cluster_local_model_is_fine_until_the_model_becomes_public(
    api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    theirs = put(api, INGRESSES, "sentiment")
    change(api, manifest, CLUSTER_LOCAL)
    reconciler.reconcile(key)
    api.kserve_and_kubelet(key)
    assert reconciler.reconcile(key).result == "ready"
    before = api.isvc(key)["metadata"]["resourceVersion"]
    change(api, manifest, {})
    assert reconciler.reconcile(key).reason == "NameConflict"
    assert api.isvc(key)["metadata"]["resourceVersion"] == before
    assert api.objects[INGRESSES, "prod", "sentiment"] is theirs


def test_kserve_s_way_in_goes_when_the_model_becomes_cluster_local(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    owner = {"kind": "InferenceService", "name": "sentiment", "uid": settled.isvc(key)["metadata"]["uid"]}
    put(settled, HTTP_ROUTES, "sentiment", owner)
    put(settled, HTTP_ROUTES, "sentiment-predictor", owner)
    assert settled.of(INGRESSES)
    change(settled, manifest, CLUSTER_LOCAL)
    reconciler.reconcile(key)
    assert list(settled.of(INGRESSES)) == list(settled.of(HTTP_ROUTES)) == []
    settled.kserve_and_kubelet(key)
    assert reconciler.reconcile(key).result == "ready"


def test_a_late_write_of_kserve_s_is_found_in_the_next_pass(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    ingress = settled.objects[INGRESSES, *key]
    change(settled, manifest, CLUSTER_LOCAL)
    reconciler.reconcile(key)
    settled.kserve_and_kubelet(key)
    settled.objects[INGRESSES, *key] = ingress
    assert reconciler.reconcile(key).result == "ready"
    assert settled.of(INGRESSES) == []


def test_another_s_ingress_stays(settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler) -> None:
    put(settled, INGRESSES, "sentiment", {"kind": "InferenceService", "name": "sentiment", "uid": "an earlier one's"})
    change(settled, manifest, CLUSTER_LOCAL)
    reconciler.reconcile(key)
    settled.kserve_and_kubelet(key)
    assert reconciler.reconcile(key).result == "ready"
    assert settled.of(INGRESSES)


def test_an_ingress_that_lingers_keeps_the_model_from_being_ready(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    settled.objects[INGRESSES, *key]["metadata"]["finalizers"] = ["example.com/load-balancer"]
    change(settled, manifest, CLUSTER_LOCAL)
    for _ in range(2):
        outcome = reconciler.reconcile(key)
        assert (outcome.reason, outcome.retry_seconds) == ("StillExposed", 5.0)
        assert ready(settled.model(key))["status"] == "False"
        assert "waits for example.com/load-balancer" in ready(settled.model(key))["message"]
        settled.kserve_and_kubelet(key)
    assert [call[0] for call in settled.calls if call[1] == "ingresses"].count("delete") == 1
    del settled.objects[INGRESSES, key.namespace, key.name]
    assert reconciler.reconcile(key).result == "ready"


@pytest.mark.parametrize(
    ("error", "reason"), [(Forbidden("cannot delete"), "OperatorForbidden"), (Rejected("denied"), "StillExposed")]
)
def test_an_ingress_that_cannot_be_deleted_is_named(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler, error: Exception, reason: str
) -> None:
    def refuse(_: int, verb: str) -> None:
        if verb == "delete":
            raise error

    settled.before = refuse
    change(settled, manifest, CLUSTER_LOCAL)
    outcome = reconciler.reconcile(key)
    assert outcome.reason == reason
    assert outcome.retry_seconds is not None, "it is tried again"
    assert outcome.retry_seconds <= 60.0
    assert "Ingress sentiment, made by KServe" in ready(settled.model(key))["message"]


def predictor(patch: Manifest) -> Manifest:
    return {"spec": {"predictor": patch}}


ADDED = [
    {"tolerations": [{"operator": "Exists"}]},
    {"nodeSelector": {"disk": "ssd"}, "hostNetwork": True},
    {"securityContext": {"fsGroup": 1}},
    {"deploymentStrategy": {"rollingUpdate": {"partition": 1}}},
]


@pytest.mark.parametrize("added", ADDED)
def test_what_others_add_to_the_predictor_is_removed(
    settled: FakeApi, key: Key, reconciler: Reconciler, added: Manifest
) -> None:
    before = copy.deepcopy(settled.isvc(key)["spec"])
    settled.edit(key, {"metadata": {"labels": {"team": "a"}}, **predictor(added)}, "kubectl-patch")
    reconciler.reconcile(key)
    assert settled.isvc(key)["spec"] == before
    assert settled.isvc(key)["metadata"]["labels"]["team"] == "a"
    settled.calls.clear()
    reconciler.reconcile(key)
    assert settled.writes == []


def test_a_strategy_that_no_deployment_takes_is_repaired(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    """The apply alone resets `type`, which is ours, and leaves `rollingUpdate`, which is theirs."""
    change(settled, manifest, {"rollout": {"strategy": "Recreate"}})
    reconciler.reconcile(key)
    added = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    settled.edit(key, predictor({"deploymentStrategy": added}), "kubectl-patch")
    reconciler.reconcile(key)
    assert settled.isvc(key)["spec"]["predictor"]["deploymentStrategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("manager", ["manager", "kserve-controller-manager", "gpux-operator"])
def test_kserve_s_own_fields_stay(settled: FakeApi, key: Key, reconciler: Reconciler, manager: str) -> None:
    settled.edit(key, predictor({"hostNetwork": False}), manager)
    reconciler.reconcile(key)
    assert settled.writes == []


def test_what_a_webhook_puts_back_is_left(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    """A webhook's fields have no owner: only what somebody else signed for is removed, and that once."""
    settled.edit(key, predictor({"hostNetwork": True}), "kubectl-patch")
    merge = settled.merge

    def with_webhook(resource: Resource, namespace: str, name: str, patch: Manifest) -> Manifest:
        merge(resource, namespace, name, patch)
        settled.isvc(key)["spec"]["predictor"]["hostNetwork"] = True
        return settled.isvc(key)

    settled.merge = with_webhook  # type: ignore[method-assign]
    reconciler.reconcile(key)
    settled.calls.clear()
    for _ in range(3):
        assert reconciler.reconcile(key).result == "ready"
    assert settled.writes == []


@pytest.mark.parametrize(("age", "wait"), [(10, STANDS_SECONDS - 10), (-3600, STANDS_SECONDS)])
def test_somebody_who_insists_makes_no_hot_loop(
    settled: FakeApi, key: Key, reconciler: Reconciler, age: float, wait: float
) -> None:
    """What was just written is removed later; also where the clocks of the API server and of this pod differ."""
    settled.edit(key, predictor({"hostNetwork": True}), "other-operator", age)
    outcome = reconciler.reconcile(key)
    assert (outcome.result, outcome.retry_seconds) == ("ready", wait)
    assert settled.writes == []


def test_a_removal_that_is_refused_is_not_the_model_s_fault(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    def refuse(_: int, verb: str) -> None:
        if verb == "merge":
            raise Rejected("denied")

    settled.before = refuse
    settled.edit(key, predictor({"hostNetwork": True}), "kubectl-patch")
    outcome = reconciler.reconcile(key)
    assert (outcome.result, outcome.retry_seconds) == ("ready", 60.0)
