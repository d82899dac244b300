"""The reconcile against the API server in memory.

Covered: first pass, idempotence, updates, drift, foreign namesakes, kinds and objects that are missing, a failure at each
request, a crash before and after each request. Left to the integration tests: what only a real API server does (schema,
real managedFields, garbage collection).
"""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from gpux_operator.build.metadata import owner_reference
from gpux_operator.engine.outcome import Outcome
from gpux_operator.engine.reading import OTHER_CRD
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.kube.api import CONFIG_MAPS, CRON_JOBS, EVENTS, GPUX_MODELS, INFERENCE_SERVICES, INGRESSES, PODS
from gpux_operator.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NamespaceEnding,
    NotFound,
    QuotaExceeded,
    Rejected,
    TooManyRequests,
    Transient,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tests.unit.operator.conftest import FakeApi

    from gpux_operator.engine.queue import Key

Manifest = dict[str, Any]


def condition(model: Manifest, kind: str) -> tuple[str, str]:
    found = next(item for item in model["status"]["conditions"] if item["type"] == kind)
    return found["status"], found["reason"]


@pytest.fixture
def settled(api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler) -> FakeApi:
    """A model that serves."""
    api.store(GPUX_MODELS, manifest, "user")
    reconciler.reconcile(key)
    api.kserve_and_kubelet(key)
    assert reconciler.reconcile(key).result == "ready"
    api.calls.clear()
    return api


def test_the_first_pass_makes_the_children_and_says_what_it_waits_for(
    api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler, now: datetime
) -> None:
    api.store(GPUX_MODELS, manifest, "user")
    outcome = reconciler.reconcile(key)
    uid = api.model(key)["metadata"]["uid"]
    (config_map,) = api.of(CONFIG_MAPS)
    assert outcome == Outcome("progressing", "WaitingForKServe", 10, uid, 1, now)
    assert api.isvc(key)["metadata"]["ownerReferences"] == [owner_reference("sentiment", uid)]
    assert config_map["metadata"]["ownerReferences"] == [owner_reference("sentiment", uid)]
    assert {kind: condition(api.model(key), kind) for kind in ("Accepted", "ModelLoaded", "Available", "Ready")} == {
        "Accepted": ("True", "Valid"),
        "ModelLoaded": ("Unknown", "PodsNotReady"),
        "Available": ("Unknown", "WaitingForKServe"),
        "Ready": ("Unknown", "WaitingForKServe"),
    }


def test_a_model_that_serves(settled: FakeApi, key: Key) -> None:
    status = settled.model(key)["status"]
    assert condition(settled.model(key), "Ready") == ("True", "NewestGenerationServes")
    assert condition(settled.model(key), "Available") == ("True", "Serving")
    assert condition(settled.model(key), "ModelLoaded") == ("True", "ModelReady")
    assert (status["replicas"], status["readyReplicas"], status["selector"]) == (1, 1, "app=isvc.sentiment-predictor")
    assert status["observedGeneration"] == 1


def test_another_pass_writes_nothing(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    before = [obj["metadata"].get("resourceVersion") for obj in settled.objects.values()]
    assert reconciler.reconcile(key).result == "ready"
    assert settled.writes == []
    assert [obj["metadata"].get("resourceVersion") for obj in settled.objects.values()] == before


def test_a_change_of_replicas_rolls_no_pod(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    before = settled.isvc(key)["metadata"]["annotations"]["gpux.io/pod-hash"]
    manifest["spec"]["serving"] = {"replicas": {"min": 3}}
    settled.store(GPUX_MODELS, manifest, "user")
    outcome = reconciler.reconcile(key)
    predictor = settled.isvc(key)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (3, 3)
    assert settled.isvc(key)["metadata"]["annotations"]["gpux.io/pod-hash"] == before
    assert len(settled.of(CONFIG_MAPS)) == 1
    assert (outcome.result, outcome.reason) == ("progressing", "RolloutInProgress")


def test_the_old_config_map_outlives_the_rollout_and_then_goes(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    old = settled.of(CONFIG_MAPS)[0]["metadata"]["name"]
    manifest["spec"]["model"]["version"] = "2"
    settled.store(GPUX_MODELS, manifest, "user")
    assert reconciler.reconcile(key).result == "progressing"
    assert condition(settled.model(key), "Ready") == ("False", "RolloutInProgress")
    assert condition(settled.model(key), "Available") == ("True", "Serving"), "the old version still serves"
    assert len(settled.of(CONFIG_MAPS)) == 2
    settled.kserve_and_kubelet(key)
    assert reconciler.reconcile(key).result == "ready"
    (left,) = settled.of(CONFIG_MAPS)
    assert left["metadata"]["name"] != old


@pytest.mark.parametrize(
    ("phase", "stays"), [("Pending", True), ("Running", True), ("Failed", True), ("Succeeded", False)]
)
def test_the_config_map_of_a_run_that_has_not_ended_stays(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler, phase: str, stays: bool
) -> None:
    old = settled.of(CONFIG_MAPS)[0]["metadata"]["name"]
    labels = {"gpux.io/model": "sentiment", "app.kubernetes.io/component": "batch"}
    settled.objects[PODS, "prod", "sentiment-1-x"] = {
        "metadata": {"name": "sentiment-1-x", "namespace": "prod", "labels": labels},
        "spec": {"volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "gpux-config", "configMap": {"name": old}}]},
        "status": {"phase": phase},
    }
    manifest["spec"]["model"]["version"] = "2"
    settled.store(GPUX_MODELS, manifest, "user")
    reconciler.reconcile(key)
    settled.kserve_and_kubelet(key)
    assert reconciler.reconcile(key).result == "ready"
    assert (old in [item["metadata"]["name"] for item in settled.of(CONFIG_MAPS)]) is stays
    del settled.objects[PODS, "prod", "sentiment-1-x"]
    reconciler.reconcile(key)
    assert len(settled.of(CONFIG_MAPS)) == 1


def test_a_schedule_that_is_refused_leaves_no_model_public(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    manifest["spec"]["serving"] = {"visibility": "ClusterLocal"}
    manifest["spec"]["batch"] = {
        "schedule": "@daily",
        "entities": {"uri": "s3://tables/e.csv", "keyColumn": "id"},
        "output": {"uri": "pvc://results"},
    }
    settled.store(GPUX_MODELS, manifest, "user")
    apply = settled.apply

    def refuse(resource: Any, desired: Manifest) -> Manifest:
        if resource == CRON_JOBS:
            raise Rejected("unknown time zone Mars/X")
        return apply(resource, desired)

    settled.apply = refuse  # type: ignore[method-assign]
    for _ in range(3):
        reconciler.reconcile(key)
    assert condition(settled.model(key), "Accepted") == ("False", "Rejected")
    assert not settled.of(INGRESSES)


def test_somebody_else_s_config_map_with_the_label_is_left_alone(
    settled: FakeApi, key: Key, reconciler: Reconciler
) -> None:
    foreign = {"metadata": {"name": "notes", "namespace": "prod", "labels": {"gpux.io/model": "sentiment"}}}
    settled.store(CONFIG_MAPS, foreign, "user")
    reconciler.reconcile(key)
    assert len(settled.of(CONFIG_MAPS)) == 2


def edit_value(isvc: Manifest) -> None:
    isvc["spec"]["predictor"]["containers"][0]["image"] = "other"


def remove_value(isvc: Manifest) -> None:
    del isvc["spec"]["predictor"]["terminationGracePeriodSeconds"]


def drop_label(isvc: Manifest) -> None:
    del isvc["metadata"]["labels"]["gpux.io/model"]


def change_hash(isvc: Manifest) -> None:
    isvc["metadata"]["annotations"]["gpux.io/pod-hash"] = "else"


@pytest.mark.parametrize("edit", [edit_value, remove_value, drop_label, change_hash])
def test_an_edit_of_the_inference_service_is_undone(
    settled: FakeApi, key: Key, reconciler: Reconciler, edit: Any
) -> None:
    wanted = {name: settled.isvc(key)[name] for name in ("spec",)} | {
        "labels": dict(settled.isvc(key)["metadata"]["labels"])
    }

    wanted = copy.deepcopy(wanted)
    edit(settled.isvc(key))
    reconciler.reconcile(key)
    assert settled.isvc(key)["spec"] == wanted["spec"]
    assert settled.isvc(key)["metadata"]["labels"] == wanted["labels"]


def test_what_others_add_is_left_alone_and_causes_no_writes(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    settled.isvc(key)["metadata"]["labels"]["team"] = "a"
    settled.isvc(key)["metadata"]["finalizers"] = ["inferenceservice.finalizers"]
    reconciler.reconcile(key)
    assert settled.writes == []


def test_deleted_children_come_back(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    del settled.objects[INFERENCE_SERVICES, key.namespace, key.name]
    name = settled.of(CONFIG_MAPS)[0]["metadata"]["name"]
    del settled.objects[CONFIG_MAPS, key.namespace, name]
    reconciler.reconcile(key)
    assert settled.isvc(key)["spec"]
    assert settled.of(CONFIG_MAPS)[0]["metadata"]["name"] == name


def test_a_field_that_is_no_longer_wanted_goes(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    manifest["spec"]["serving"] = {"nodeSelector": {"zone": "a"}}
    settled.store(GPUX_MODELS, manifest, "user")
    reconciler.reconcile(key)
    assert settled.isvc(key)["spec"]["predictor"]["nodeSelector"] == {"zone": "a"}
    manifest["spec"]["serving"] = {}
    settled.store(GPUX_MODELS, manifest, "user")
    reconciler.reconcile(key)
    assert "nodeSelector" not in settled.isvc(key)["spec"]["predictor"]


@pytest.mark.parametrize(("resource", "name"), [(INFERENCE_SERVICES, "sentiment"), (CONFIG_MAPS, None)])
def test_a_namesake_is_never_taken_over(
    api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler, resource: Any, name: str | None
) -> None:
    api.store(GPUX_MODELS, manifest, "user")
    if name is None:
        reconciler.reconcile(key)
        name = api.of(CONFIG_MAPS)[0]["metadata"]["name"]
        del api.objects[CONFIG_MAPS, key.namespace, name]
    foreign = {
        "metadata": {"name": name, "namespace": "prod", "labels": {"gpux.io/model": "sentiment"}},
        "spec": {"mine": True},
    }
    api.objects.pop((resource, "prod", name), None)
    api.store(resource, foreign, "user")
    api.calls.clear()
    outcome = reconciler.reconcile(key)
    assert (outcome.result, outcome.reason) == ("problem", "NameConflict")
    assert condition(api.model(key), "Accepted") == ("False", "NameConflict")
    assert api.objects[resource, "prod", name]["spec"] == {"mine": True}
    assert {verb for verb, _, _ in api.writes} <= {"apply_status", "create"}, "nothing but the status and an event"


def test_the_children_of_an_earlier_model_of_the_name_are_waited_for(
    settled: FakeApi, key: Key, reconciler: Reconciler
) -> None:
    settled.model(key)["metadata"]["uid"] = "recreated"
    outcome = reconciler.reconcile(key)
    assert (outcome.reason, outcome.retry_seconds) == ("WaitingForDeletion", 5.0)
    assert [call for call in settled.writes if call[1] in {"inferenceservices", "configmaps"}] == []
    assert condition(settled.model(key), "Accepted") == ("True", "Valid")
    for resource in (INFERENCE_SERVICES, CONFIG_MAPS):
        for item in settled.of(resource):
            del settled.objects[resource, "prod", item["metadata"]["name"]]
    assert reconciler.reconcile(key).reason == "WaitingForKServe"


def test_an_inference_service_that_is_being_deleted_is_not_written(
    settled: FakeApi, key: Key, reconciler: Reconciler
) -> None:
    settled.isvc(key)["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    assert reconciler.reconcile(key).reason == "WaitingForDeletion"
    assert not [call for call in settled.writes if call[1] == "inferenceservices"]


def test_a_model_that_is_gone_or_going_is_left_alone(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    settled.model(key)["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    assert reconciler.reconcile(key).result == "deleting"
    del settled.objects[GPUX_MODELS, key.namespace, key.name]
    assert reconciler.reconcile(key).result == "gone"
    assert settled.writes == []


def test_without_kserve_it_says_so_and_looks_again(
    api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    api.missing_kinds.add(INFERENCE_SERVICES)
    api.store(GPUX_MODELS, manifest, "user")
    outcome = reconciler.reconcile(key)
    assert (outcome.reason, outcome.retry_seconds) == ("KServeNotInstalled", 60.0)
    assert condition(api.model(key), "Accepted") == ("True", "Valid")
    assert condition(api.model(key), "Ready") == ("False", "KServeNotInstalled")
    api.missing_kinds.clear()
    assert reconciler.reconcile(key).reason == "WaitingForKServe"


def test_a_stored_spec_that_does_not_fit_is_told_and_not_retried(
    settled: FakeApi, key: Key, reconciler: Reconciler
) -> None:
    settled.model(key)["spec"]["model"]["source"]["uri"] = "ftp://x"
    settled.model(key)["metadata"]["generation"] = 2
    outcome = reconciler.reconcile(key)
    assert (outcome.result, outcome.reason, outcome.retry_seconds) == ("problem", "InvalidSpec", None)
    assert condition(settled.model(key), "Accepted") == ("False", "InvalidSpec")
    assert condition(settled.model(key), "Available") == ("True", "Serving"), "the version before still serves"
    assert settled.isvc(key)["spec"], "and is left alone"
    message = next(item["message"] for item in settled.model(key)["status"]["conditions"] if item["type"] == "Ready")
    assert "spec.model.source: uri must start with" in message


def test_fields_of_a_newer_crd_are_ignored_and_told(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    hashed = settled.isvc(key)
    stored = settled.model(key)
    stored["spec"]["tomorrow"] = {"a": 1}
    stored["spec"]["serving"] = {"turbo": True, "env": [{"name": "A", "value": "b"}, {"name": "C", "from": "d"}]}
    written = copy.deepcopy(stored["spec"])
    stored["metadata"]["generation"] = 2
    assert reconciler.reconcile(key).reason != "InvalidSpec"
    accepted = next(item for item in settled.model(key)["status"]["conditions"] if item["type"] == "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("True", "FieldsIgnored")
    assert accepted["message"].startswith(
        "this operator does not know spec.serving.env[1].from, spec.serving.turbo, spec.tomorrow, "
    )
    assert settled.model(key)["spec"] == written, "what the user wrote stays"
    assert [(item["type"], item["reason"]) for item in settled.of(EVENTS) if "know" in item["message"]] == [
        ("Warning", "FieldsIgnored")
    ]
    assert "turbo" not in str(settled.of(CONFIG_MAPS)), "the predictor knows it no better"
    assert settled.isvc(key)["metadata"]["uid"] == hashed["metadata"]["uid"]


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        ({"mode": "Warp", "turbo": True}, "spec.serving.mode: Input should be 'Standard' or 'Knative'"),
        ({"port": "http", "turbo": True}, "spec.serving.port: Input should be a valid integer"),
    ],
    ids=["value", "type"],
)
def test_a_newer_value_of_a_known_field_is_invalid(
    settled: FakeApi, key: Key, reconciler: Reconciler, serving: Manifest, words: str
) -> None:
    settled.model(key)["spec"]["serving"] = serving
    outcome = reconciler.reconcile(key)
    assert outcome.reason == "InvalidSpec"
    message = next(item["message"] for item in settled.model(key)["status"]["conditions"] if item["type"] == "Ready")
    assert message == words + OTHER_CRD


def test_a_newer_field_that_says_who_is_let_in_is_not_ignored(
    settled: FakeApi, key: Key, reconciler: Reconciler
) -> None:
    """What serves goes on as it is, instead of without it."""
    settled.model(key)["spec"]["access"] = {"allowedNetworks": ["10.0.0.0/8"]}
    assert reconciler.reconcile(key).reason == "InvalidSpec"
    assert {verb for verb, *_ in settled.writes} == {"apply_status", "create"}, "its status, and an event"


def test_an_old_status_that_does_not_fit_is_written_anew(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    settled.model(key)["status"] = {"conditions": [{"type": "Ready", "status": "True"}], "unknown": 1}
    assert reconciler.reconcile(key).result == "ready"
    assert "unknown" not in settled.model(key)["status"]


@pytest.mark.parametrize(
    ("error", "reason", "accepted"),
    [
        (Rejected("admission webhook denied the request: no"), "Rejected", "False"),
        (QuotaExceeded("exceeded quota: q"), "QuotaExceeded", "True"),
        (Forbidden("cannot patch"), "OperatorForbidden", "True"),
    ],
)
def test_a_refusal_is_told(
    api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler, error: ApiError, reason: str, accepted: str
) -> None:
    api.store(GPUX_MODELS, manifest, "user")

    def refuse(_: int, verb: str) -> None:
        if verb == "apply":
            raise error

    api.before = refuse
    outcome = reconciler.reconcile(key)
    assert (outcome.reason, outcome.retry_seconds) == (reason, 60.0)
    assert condition(api.model(key), "Accepted")[0] == accepted
    api.before = lambda number, verb: None
    assert reconciler.reconcile(key).reason == "WaitingForKServe", "and it recovers"


def test_a_namespace_that_ends_is_left_alone(
    api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    api.store(GPUX_MODELS, manifest, "user")

    def refuse(_: int, verb: str) -> None:
        if verb == "apply":
            raise NamespaceEnding("it is being terminated")

    api.before = refuse
    assert reconciler.reconcile(key).result == "deleting"
    assert "status" not in api.model(key)


def run_to_the_end(api: FakeApi, key: Key, reconciler: Reconciler) -> None:
    """Until a pass succeeds and writes nothing."""
    for _ in range(10):
        api.calls.clear()
        reconciler.reconcile(key)
        if not api.writes:
            return
        if (INFERENCE_SERVICES, *key) in api.objects:
            api.kserve_and_kubelet(key)
    pytest.fail("no end")


def without_versions(api: FakeApi) -> Any:
    return {
        (kind.plural, name): {
            "labels": obj["metadata"].get("labels"),
            "spec": obj.get("spec"),
            "data": obj.get("data"),
            "conditions": [
                (c["type"], c["status"], c.get("reason")) for c in obj.get("status", {}).get("conditions", ())
            ],
        }
        for (kind, _, name), obj in api.objects.items()
        if kind != EVENTS
    }


@pytest.fixture
def end_state(manifest: Manifest, key: Key, api: FakeApi, reconciler: Reconciler) -> Any:
    """What an undisturbed life ends in; the API server is empty again afterwards."""
    api.store(GPUX_MODELS, manifest, "user")
    run_to_the_end(api, key, reconciler)
    found = without_versions(api)
    api.objects.clear()
    api.numbers = itertools.count()
    return found


FAILURES = [Transient("503"), TooManyRequests("429", 1), Conflict("409"), NotFound("404"), RuntimeError("crash")]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(20))
def test_whatever_fails_and_wherever_the_end_is_the_same(
    api: FakeApi,
    key: Key,
    manifest: Manifest,
    reconciler: Reconciler,
    end_state: Any,
    number: int,
    moment: str,
    error: Exception,
) -> None:
    """`before`: the request never arrived; `after`: it took effect and the answer was lost."""
    api.store(GPUX_MODELS, manifest, "user")
    failed: list[int] = []

    def fail(at: int, _: str) -> None:
        if at == number and not failed:
            failed.append(at)
            raise error

    setattr(api, moment, fail)
    for _ in range(4):
        try:
            reconciler.reconcile(key)
        except (ApiError, RuntimeError):
            continue
        if (INFERENCE_SERVICES, *key) in api.objects:
            api.kserve_and_kubelet(key)
    run_to_the_end(api, key, reconciler)
    assert without_versions(api) == end_state


def test_a_failure_is_told_once(settled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    changes: list[str] = []
    reconciler.report_failure(key, Transient("webhook times out"), lambda: changes.append("by nobody"))
    assert changes == []
    assert condition(settled.model(key), "Ready") == ("Unknown", "RequestFailed")
    assert condition(settled.model(key), "Available") == ("True", "Serving")
    settled.calls.clear()
    reconciler.report_failure(key, Transient("webhook times out again"), lambda: None)
    assert settled.writes == []
    assert reconciler.reconcile(key).result == "ready"


BATCH: Manifest = {
    "schedule": "0 5 * * *",
    "entities": {"uri": "s3://tables/e.csv", "keyColumn": "id"},
    "output": {"uri": "pvc://results/m"},
}


@pytest.fixture
def scheduled(settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler) -> FakeApi:
    """The same model with a schedule."""
    settled.store(GPUX_MODELS, {**manifest, "spec": {**manifest["spec"], "batch": BATCH}}, "user")
    reconciler.reconcile(key)
    settled.calls.clear()
    return settled


def test_a_schedule_is_a_cron_job_that_is_written_once(scheduled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    (made,) = scheduled.of(CRON_JOBS)
    assert made["metadata"]["ownerReferences"] == [
        owner_reference("sentiment", scheduled.model(key)["metadata"]["uid"])
    ]
    reconciler.reconcile(key)
    assert not [call for call in scheduled.writes if call[1] == "cronjobs"]


def test_what_others_make_of_the_cron_job_is_put_right(scheduled: FakeApi, key: Key, reconciler: Reconciler) -> None:
    (made,) = scheduled.of(CRON_JOBS)
    made["spec"]["concurrencyPolicy"] = "Allow"
    reconciler.reconcile(key)
    assert scheduled.of(CRON_JOBS)[0]["spec"]["concurrencyPolicy"] == "Forbid"
    scheduled.delete(CRON_JOBS, *key, made["metadata"]["uid"])
    reconciler.reconcile(key)
    assert len(scheduled.of(CRON_JOBS)) == 1


def test_a_schedule_that_goes_takes_its_cron_job_along(
    scheduled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    scheduled.store(GPUX_MODELS, manifest, "user")
    reconciler.reconcile(key)
    assert not scheduled.of(CRON_JOBS)


def test_without_a_schedule_nothing_is_said_of_runs(
    scheduled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    assert condition(scheduled.model(key), "BatchSucceeded") == ("Unknown", "NoBatchRunYet")
    scheduled.store(GPUX_MODELS, manifest, "user")
    reconciler.reconcile(key)
    status = scheduled.model(key)["status"]
    assert "batch" not in status
    assert "BatchSucceeded" not in {item["type"] for item in status["conditions"]}


def test_a_run_that_fails_is_told_once_and_costs_one_list_a_pass(
    scheduled: FakeApi, key: Key, reconciler: Reconciler
) -> None:
    (made,) = scheduled.of(CRON_JOBS)
    made["status"] = {"lastScheduleTime": "2030-01-02T05:00:00Z"}
    reconciler.reconcile(key)
    assert condition(scheduled.model(key), "BatchSucceeded") == ("False", "BatchRunFailed")
    assert condition(scheduled.model(key), "Ready")[0] == "True", "the model serves all the same"
    assert [item["reason"] for item in scheduled.of(EVENTS) if item["type"] == "Warning"] == ["BatchRunFailed"]
    scheduled.calls.clear()
    reconciler.reconcile(key)
    assert not scheduled.writes
    asked = ("list", "pods", "gpux.io/model=sentiment,app.kubernetes.io/component=batch")
    assert scheduled.calls.count(asked) == 1
    made["status"]["lastSuccessfulTime"] = "2030-01-02T05:10:00Z"
    scheduled.calls.clear()
    reconciler.reconcile(key)
    assert asked not in scheduled.calls, "a success needs no pods"
    assert condition(scheduled.model(key), "BatchSucceeded") == ("True", "BatchRunSucceeded")


def test_a_cron_job_of_somebody_else_is_not_touched(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    theirs: Manifest = {"metadata": {"name": key.name, "namespace": key.namespace}, "spec": {"schedule": "@hourly"}}
    theirs = settled.create(CRON_JOBS, theirs)
    reconciler.reconcile(key)
    assert settled.of(CRON_JOBS) == [theirs], "a model without a schedule"
    settled.store(GPUX_MODELS, {**manifest, "spec": {**manifest["spec"], "batch": BATCH}}, "user")
    reconciler.reconcile(key)
    assert settled.of(CRON_JOBS) == [theirs]
    assert condition(settled.model(key), "Ready")[1] == "NameConflict"


@pytest.mark.parametrize("verb", ["apply", "apply_status"])
def test_a_pass_that_was_overtaken_writes_nothing(
    settled: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler, verb: str
) -> None:
    """A replica that hung between its reads and its write wakes up in a world of another one's making."""
    settled.store(GPUX_MODELS, {**manifest, "spec": {**manifest["spec"], "serving": {"replicas": {"min": 2}}}}, "user")

    def overtaken(_: int, now: str) -> None:
        if now == verb:
            settled.before = lambda number, verb: None
            settled.store(GPUX_MODELS, manifest, "user")
            settled.edit(key, {"metadata": {"annotations": {"seen": "by another"}}}, "other")

    settled.before = overtaken
    replicas = 1 if verb == "apply" else 2
    with pytest.raises(Conflict):
        reconciler.reconcile(key)
    assert settled.isvc(key)["spec"]["predictor"]["minReplicas"] == replicas
    assert settled.model(key)["status"]["observedGeneration"] == 1


def test_a_change_that_was_refused_for_a_while_is_written_when_it_can_be(
    api: FakeApi, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    """What failed is no repair: it does not have to wait like one."""
    api.store(GPUX_MODELS, manifest, "user")
    reconciler.reconcile(key)
    api.kserve_and_kubelet(key)
    reconciler.reconcile(key)

    def away(_: int, verb: str) -> None:
        if verb == "apply":
            raise Transient("the webhook is away")

    api.before = away
    api.store(GPUX_MODELS, {**manifest, "spec": {**manifest["spec"], "serving": {"replicas": {"min": 2}}}}, "user")
    for _ in range(10):
        with pytest.raises(Transient):
            reconciler.reconcile(key)
    api.before = lambda number, verb: None
    reconciler.reconcile(key)
    assert api.isvc(key)["spec"]["predictor"]["minReplicas"] == 2
