"""How many pods there are: autoscaled, suspended, and what is said of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from gpux_api.manifests import parse
from gpux_operator.__main__ import main
from gpux_operator.build import scaling
from gpux_operator.build.inference_service import Platform
from gpux_operator.build.metadata import STOP
from gpux_operator.engine.desired import Desired, desired_children
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.engine.recorder import Recorder
from gpux_operator.kube.api import (
    DEPLOYMENTS,
    EVENTS,
    GPUX_MODELS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESSES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    SCALED_OBJECTS,
    Resource,
)
from gpux_operator.kube.errors import Forbidden, Rejected

if TYPE_CHECKING:
    from pathlib import Path

    from gpux_operator.build.inference_service import Images
    from gpux_operator.engine.queue import Key

Manifest = dict[str, Any]
PROMETHEUS = "http://prometheus.monitoring:9090"
CLASS = "serving.kserve.io/autoscalerClass"
CPU = {"min": 2, "max": 5, "target": {"metric": "cpu", "value": 70}}
QUEUE = {"max": 4, "target": {"metric": "queue", "value": 3}}


@pytest.fixture
def reconciler(api: Any, asking: Any, now: Any, images: Images) -> Reconciler:
    return Reconciler(
        api, Platform(images, PROMETHEUS), Recorder(api, "test", lambda: now), asking.predictors(), lambda: now
    )


def built(images: Images, replicas: Manifest, **parts: Any) -> Desired:
    spec = {"model": {"source": {"uri": "s3://bucket/model"}}, "serving": {"replicas": replicas}, **parts}
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "m", "uid": "u"},
        "spec": spec,
    }
    return desired_children(parse(document), "ns", images, PROMETHEUS)


def fields(desired: Desired) -> Manifest:
    names = ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "autoScaling")
    predictor = desired.inference_service["spec"]["predictor"]
    return {name: predictor[name] for name in names if name in predictor}


def annotations_of(desired: Desired) -> Manifest:
    found: Manifest = desired.inference_service["metadata"]["annotations"]
    return found


def test_cpu_is_a_horizontal_pod_autoscaler_of_kserve_s(images: Images) -> None:
    desired = built(images, CPU)
    assert annotations_of(desired)[CLASS] == "hpa"
    assert fields(desired) == {"minReplicas": 2, "maxReplicas": 5, "scaleMetric": "cpu", "scaleTarget": 70}


def test_without_a_target_nothing_scales(images: Images) -> None:
    desired = built(images, {"min": 3})
    assert annotations_of(desired)[CLASS] == "none"
    assert fields(desired) == {"minReplicas": 3, "maxReplicas": 3}


REDIS = {"async": {"store": "redis", "redisUrlSecretRef": {"name": "redis"}}}
PODS_OF_M = 'namespace="ns",pod=~"m-predictor-?[a-z0-9]*-?[a-z0-9]{5}"'


@pytest.mark.parametrize(
    ("metric", "parts", "query"),
    [
        ("queue", {}, f"sum(prediction_queue_depth{{{PODS_OF_M}}})"),
        (
            "queue",
            REDIS,
            f'sum(prediction_queue_depth{{{PODS_OF_M}}}) + max(prediction_tasks{{{PODS_OF_M},state="queued"}})',
        ),
        (
            "concurrency",
            REDIS,
            f"sum(prediction_queue_depth{{{PODS_OF_M}}}) + sum(prediction_in_flight{{{PODS_OF_M}}})",
        ),
    ],
)
def test_keda_asks_prometheus(metric: str, parts: Manifest, query: str, images: Images) -> None:
    desired = built(images, {"max": 4, "target": {"metric": metric, "value": 3}}, **parts)
    assert annotations_of(desired)[CLASS] == "keda"
    (found,) = fields(desired)["autoScaling"]["metrics"]
    assert found["external"]["metric"] == {"backend": "prometheus", "serverAddress": PROMETHEUS, "query": query}
    assert found["external"]["target"] == {"type": "Value", "value": "3"}
    assert "scaleMetric" not in fields(desired), "KServe refuses it for KEDA"


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (999, "999"), (1000, "1e3"), (1500, "1500"), (20000, "20e3"), (1000000, "1e6")]
)
def test_a_target_is_written_as_kserve_keeps_it_and_keda_reads_it(value: int, text: str, images: Images) -> None:
    desired = built(images, {"max": 4, "target": {"metric": "queue", "value": value}})
    (found,) = fields(desired)["autoScaling"]["metrics"]
    assert found["external"]["target"]["value"] == text
    assert float(text) == value


@pytest.mark.parametrize("name", ["m", "m" * 36, "m" * 40, "m" * 48])
def test_only_the_model_s_own_pods_are_asked_for(name: str, images: Images) -> None:
    document = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": name}}
    spec = {"model": {"source": {"uri": "s3://bucket/model"}}, "serving": {"replicas": QUEUE}}
    model = parse({**document, "spec": spec})
    (found,) = scaling.replicas(model, "ns", PROMETHEUS)["autoScaling"]["metrics"]
    pattern = found["external"]["metric"]["query"].split('pod=~"')[1].split('"')[0]

    def pod(deployment: str) -> str:
        return f"{deployment}-7c5ddbdf54-"[:58] + "x2k9p"  # k8s.io/apiserver/pkg/storage/names

    assert re.fullmatch(pattern, pod(f"{name}-predictor"))
    if len(name) <= 36:  # a model of the longer name can exist
        assert not re.fullmatch(pattern, pod(f"{name}-predictor-b-predictor"))
    assert not re.fullmatch(pattern, pod(f"a-{name}-predictor"))


def test_the_metrics_asked_for_are_the_predictor_s() -> None:
    from gpux_predictor import metrics  # noqa: PLC0415

    names = {family.name for gauge in (metrics.QUEUE, metrics.RUNNING, metrics.TASKS) for family in gauge.collect()}
    assert names == {"prediction_queue_depth", "prediction_in_flight", "prediction_tasks"}


def test_what_the_autoscaler_is_told_rolls_no_pod(images: Images) -> None:
    hashes = {
        built(images, {"min": low, "max": high, "target": {"metric": "cpu", "value": value}}).intent.pod_hash
        for low, high, value in ((1, 1, 50), (2, 5, 80))
    }
    assert len(hashes) == 1


@pytest.mark.parametrize("replicas", [{"min": 3}, CPU], ids=["fixed", "autoscaled"])
def test_suspending_and_resuming_makes_the_same_pods(replicas: Manifest, images: Images) -> None:
    before, suspended = built(images, replicas), built(images, replicas, suspend=True)
    assert suspended.intent.pod_hash == before.intent.pod_hash
    assert suspended.intent.suspended
    assert not before.intent.suspended


def test_a_suspended_model_keeps_its_ingress_where_it_can(images: Images) -> None:
    fixed = built(images, {"min": 3}, suspend=True)
    assert (fields(fixed), STOP in annotations_of(fixed)) == ({"minReplicas": 0, "maxReplicas": 3}, False)
    scaled = built(images, CPU, suspend=True)
    assert (fields(scaled)["minReplicas"], annotations_of(scaled)[STOP]) == (2, "true")


@pytest.mark.parametrize(("replicas", "kept"), [({}, False), ({"min": 2}, True), (QUEUE, True)])
def test_more_than_one_replica_has_a_budget(replicas: Manifest, kept: bool, images: Images) -> None:
    budget = built(images, replicas).disruption_budget
    assert (budget is not None) == kept
    if budget is not None:
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["metadata"]["name"] == "m", "KServe deletes budgets named <name>-predictor"


def scale(api: Any, manifest: Manifest, replicas: Manifest | None = None, **parts: Any) -> None:
    serving = {"serving": {"replicas": replicas}} if replicas is not None else {}
    api.store(GPUX_MODELS, {**manifest, "spec": {**manifest["spec"], **serving, **parts}}, "user")


def ready(api: Any, key: Key) -> tuple[str, str, str]:
    conditions = api.model(key)["status"]["conditions"]
    found = next(item for item in conditions if item["type"] == "Ready")
    return found["status"], found["reason"], found["message"]


def served(api: Any, key: Key, manifest: Manifest, reconciler: Reconciler, replicas: Manifest) -> None:
    scale(api, manifest, replicas)
    reconciler.reconcile(key)
    api.kserve_and_kubelet(key)
    reconciler.reconcile(key)
    assert ready(api, key)[0] == "True"
    api.calls.clear()


def test_suspend_and_resume(api: Any, key: Key, manifest: Manifest, reconciler: Reconciler) -> None:
    served(api, key, manifest, reconciler, {"min": 2})
    scale(api, manifest, {"min": 2}, suspend=True)
    reconciler.reconcile(key)
    assert ready(api, key) == (
        "False",
        "Suspended",
        "spec.suspend is true: no pod serves until it is false; 2 of its pods still there",
    )
    for name in [name for kind, _, name in api.objects if kind == PODS]:
        del api.objects[PODS, key.namespace, name]
    api.kserve_and_kubelet(key)
    reconciler.reconcile(key)
    assert ready(api, key)[2] == "spec.suspend is true: no pod serves until it is false"
    assert (INGRESSES, *key) in api.objects, "its address stays"
    assert api.model(key)["status"]["replicas"] == 0
    events = [event for event in api.of(EVENTS) if event["reason"] == "Suspended"]
    assert {event["type"] for event in events} == {"Normal"}
    scale(api, manifest, {"min": 2})
    reconciler.reconcile(key)
    api.kserve_and_kubelet(key)
    reconciler.reconcile(key)
    assert ready(api, key)[:2] == ("True", "NewestGenerationServes")


def test_resuming_an_autoscaled_model_takes_the_annotation_away(
    api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    served(api, key, manifest, reconciler, CPU)
    scale(api, manifest, CPU, suspend=True)
    reconciler.reconcile(key)
    assert ready(api, key)[1] == "Suspended"
    scale(api, manifest, CPU)
    reconciler.reconcile(key)
    assert STOP not in api.isvc(key)["metadata"]["annotations"]
    assert ready(api, key)[1] != "Suspended"


def test_a_deployment_at_zero_is_renewed_for_an_autoscaler(
    api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    served(api, key, manifest, reconciler, {"min": 1})
    scale(api, manifest, {"min": 1}, suspend=True)
    reconciler.reconcile(key)
    api.kserve_and_kubelet(key)
    scale(api, manifest, CPU)
    reconciler.reconcile(key)
    assert api.isvc(key)["metadata"]["annotations"][STOP] == "true"
    assert ready(api, key)[:2] == ("Unknown", "WaitingForKServe")
    del api.objects[DEPLOYMENTS, key.namespace, f"{key.name}-predictor"]
    reconciler.reconcile(key)
    assert STOP not in api.isvc(key)["metadata"]["annotations"]
    api.kserve_and_kubelet(key)
    reconciler.reconcile(key)
    assert ready(api, key)[0] == "True"


def test_replicas_are_the_autoscaler_s(api: Any, key: Key, manifest: Manifest, reconciler: Reconciler) -> None:
    served(api, key, manifest, reconciler, CPU)
    deployment = api.objects[DEPLOYMENTS, key.namespace, f"{key.name}-predictor"]
    deployment["spec"]["replicas"] = 4
    deployment["status"] |= {"replicas": 4, "updatedReplicas": 4}  # two of them have just been started
    reconciler.reconcile(key)
    assert ready(api, key) == ("True", "NewestGenerationServes", "2 of 4 replicas run the newest generation")
    assert not [call for call in api.writes if call[1] in {"inferenceservices", "deployments"}]
    deployment["status"] |= {"availableReplicas": 1}
    reconciler.reconcile(key)
    assert ready(api, key)[0] == "False", "fewer than min"


def test_kserve_s_word_on_replicas_that_start_is_not_the_model_s(
    api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    """A Deployment with maxUnavailable 0 is not Available while it grows, and KServe then takes IngressReady back, too."""
    served(api, key, manifest, reconciler, CPU)
    deployment = api.objects[DEPLOYMENTS, key.namespace, f"{key.name}-predictor"]
    deployment["status"] |= {"replicas": 4, "updatedReplicas": 4}
    api.isvc(key)["status"]["conditions"] = [
        {"type": "PredictorReady", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "no"},
        {"type": "IngressReady", "status": "False", "reason": "Predictor ingress not created"},
    ]
    reconciler.reconcile(key)
    assert ready(api, key) == ("True", "NewestGenerationServes", "2 of 4 replicas run the newest generation")


def test_a_deployment_that_was_just_scaled_serves_as_before(
    api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    """Its status is a moment behind, and the pods are those of the newest generation."""
    served(api, key, manifest, reconciler, CPU)
    deployment = api.objects[DEPLOYMENTS, key.namespace, f"{key.name}-predictor"]
    before = ready(api, key)
    deployment["metadata"]["generation"] = 2
    reconciler.reconcile(key)
    assert ready(api, key) == before
    assert not [call for call in api.writes if call[1] == "events"]
    pod = next(item for item in api.of(PODS))
    left = {**pod, "metadata": {**pod["metadata"], "name": "left", "annotations": {"gpux.io/pod-hash": "older"}}}
    api.objects[PODS, key.namespace, "left"] = {**left, "status": {"phase": "Failed", "reason": "Evicted"}}
    reconciler.reconcile(key)
    assert ready(api, key) == before, "a pod that a node stopped long ago is no pod of a rollout"
    pod["metadata"]["annotations"] = {
        "gpux.io/pod-hash": "older"
    }  # the template is new, and the status is of the old one
    reconciler.reconcile(key)
    assert ready(api, key)[:2] == ("False", "RolloutInProgress")


def put_autoscaler(api: Any, key: Key, resource: Resource, uid: str) -> None:
    """As KServe makes it for the InferenceService of that uid."""
    owner = {"kind": "InferenceService", "name": key.name, "uid": uid, "controller": True}
    metadata = {"namespace": key.namespace, "name": f"{key.name}-predictor", "uid": "x", "ownerReferences": [owner]}
    api.objects[resource, key.namespace, f"{key.name}-predictor"] = {"metadata": metadata}


FIXED: Manifest = {"min": 2}
LEFT = [(QUEUE, SCALED_OBJECTS, CPU), (QUEUE, SCALED_OBJECTS, FIXED), (CPU, HORIZONTAL_POD_AUTOSCALERS, QUEUE)]


@pytest.mark.parametrize(("before", "resource", "after"), LEFT, ids=["keda-hpa", "keda-fixed", "hpa-keda"])
def test_kserve_s_autoscaler_of_an_earlier_target_goes(
    before: Manifest,
    resource: Resource,
    after: Manifest,
    api: Any,
    key: Key,
    manifest: Manifest,
    reconciler: Reconciler,
) -> None:
    served(api, key, manifest, reconciler, before)
    uid = api.isvc(key)["metadata"]["uid"]
    put_autoscaler(api, key, resource, uid)
    reconciler.reconcile(key)
    assert api.of(resource), "the target's own stays"
    scale(api, manifest, after)
    reconciler.reconcile(key)
    assert not api.of(resource)
    put_autoscaler(api, key, resource, uid)  # by a pass of KServe's that had not seen the change
    reconciler.reconcile(key)
    assert not api.of(resource)
    api.kserve_and_kubelet(key)
    reconciler.reconcile(key)
    assert ready(api, key)[0] == "True"
    api.calls.clear()
    reconciler.reconcile(key)
    assert not [call for call in api.calls if call[1] == resource.plural], "nothing is asked for once it serves"


@pytest.mark.parametrize("error", [Forbidden("cannot delete"), Rejected("denied")], ids=["forbidden", "refused"])
def test_an_autoscaler_that_cannot_be_deleted_is_named(
    error: Exception, api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    def refuse(_: int, verb: str) -> None:
        if verb == "delete":
            raise error

    served(api, key, manifest, reconciler, QUEUE)
    put_autoscaler(api, key, SCALED_OBJECTS, api.isvc(key)["metadata"]["uid"])
    api.before = refuse
    scale(api, manifest, CPU)
    outcome = reconciler.reconcile(key)
    status, reason, message = ready(api, key)
    assert (status, outcome.retry_seconds) == ("False", 60.0)
    assert reason == ("OperatorForbidden" if isinstance(error, Forbidden) else "Rejected")
    assert "ScaledObject sentiment-predictor, made by KServe for an earlier" in message


def test_an_autoscaler_that_may_not_be_looked_for_is_told(
    api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    """By the rights of an older chart, or of somebody's own (rbac.create: false)."""

    get = api.get

    def allowed(resource: Resource, namespace: str, name: str) -> Manifest:
        if resource == SCALED_OBJECTS:
            raise Forbidden("cannot get resource scaledobjects")
        found: Manifest = get(resource, namespace, name)
        return found

    served(api, key, manifest, reconciler, FIXED)
    api.get = allowed
    scale(api, manifest, {"min": 3})
    outcome = reconciler.reconcile(key)
    assert ready(api, key)[:2] == ("False", "OperatorForbidden")
    assert "cannot get resource scaledobjects" in ready(api, key)[2]
    assert outcome.retry_seconds == 60.0


def test_another_s_autoscaler_stays_and_is_never_taken_over(
    api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    """KServe looks at the name only, and makes itself the owner."""
    served(api, key, manifest, reconciler, FIXED)
    put_autoscaler(api, key, SCALED_OBJECTS, "another's")
    api.objects[SCALED_OBJECTS, key.namespace, f"{key.name}-predictor"]["metadata"]["ownerReferences"] = []
    scale(api, manifest, QUEUE)
    reconciler.reconcile(key)
    assert ready(api, key)[1] == "NameConflict"
    scale(api, manifest, CPU)
    reconciler.reconcile(key)
    assert ready(api, key)[1] == "RolloutInProgress"
    assert api.of(SCALED_OBJECTS)


@pytest.mark.parametrize(
    ("keda", "prometheus", "words"),
    [
        (False, PROMETHEUS, "install KEDA"),
        (True, None, "the operator knows no Prometheus"),
        (False, None, "install KEDA"),
    ],
)
def test_what_keda_needs_is_asked_for(
    keda: bool,
    prometheus: str | None,
    words: str,
    api: Any,
    asking: Any,
    key: Key,
    manifest: Manifest,
    now: Any,
    images: Images,
) -> None:
    api.missing_kinds = set() if keda else {SCALED_OBJECTS}
    scale(api, manifest, QUEUE)
    reconciler = Reconciler(
        api, Platform(images, prometheus), Recorder(api, "test", lambda: now), asking.predictors(), lambda: now
    )
    outcome = reconciler.reconcile(key)
    status, reason, message = ready(api, key)
    assert (status, reason, outcome.retry_seconds) == ("False", "AutoscalerMissing", 60.0)
    assert words in message
    assert not api.of(DEPLOYMENTS)
    assert not [call for call in api.writes if call[1] == "inferenceservices"]


def test_the_budget_comes_and_goes(api: Any, key: Key, manifest: Manifest, reconciler: Reconciler) -> None:
    served(api, key, manifest, reconciler, {"min": 2})
    (budget,) = api.of(POD_DISRUPTION_BUDGETS)
    budget["spec"]["maxUnavailable"] = 2
    reconciler.reconcile(key)
    assert api.of(POD_DISRUPTION_BUDGETS)[0]["spec"]["maxUnavailable"] == 1, "drift is repaired"
    api.calls.clear()
    reconciler.reconcile(key)
    assert not api.writes
    scale(api, manifest, {"min": 1})
    reconciler.reconcile(key)
    assert not api.of(POD_DISRUPTION_BUDGETS)


def test_a_budget_of_somebody_else_is_not_touched(
    api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    theirs: Manifest = {"metadata": {"name": key.name, "namespace": key.namespace, "uid": "x"}, "spec": {}}
    api.create(POD_DISRUPTION_BUDGETS, theirs)
    served(api, key, manifest, reconciler, {"min": 1})
    scale(api, manifest, {"min": 2})
    reconciler.reconcile(key)
    assert ready(api, key)[1] == "NameConflict"
    [found] = api.of(POD_DISRUPTION_BUDGETS)
    assert (found["metadata"]["uid"], found["spec"]) == ("x", {})


def test_render_needs_a_prometheus_for_keda(tmp_path: Path, manifest: Manifest) -> None:
    manifest["spec"]["serving"] = {"replicas": QUEUE}
    file = tmp_path / "m.yaml"
    file.write_text(yaml.safe_dump(manifest))
    refused = CliRunner().invoke(main, ["render", str(file)])
    assert refused.exit_code == 1
    assert "the operator knows no Prometheus" in refused.stderr
    done = CliRunner().invoke(main, ["render", str(file), "--prometheus-url", PROMETHEUS])
    assert [item["kind"] for item in yaml.safe_load_all(done.stdout)] == [
        "ConfigMap",
        "InferenceService",
        "PodDisruptionBudget",
    ]
    assert PROMETHEUS in done.stdout


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ({}, "rollout.strategy auto starts a new pod before an old one ends"),
        ({"gpu": {}}, "a spare nvidia.com/gpu may not exist"),
    ],
)
def test_the_status_tells_what_auto_came_to(
    runtime: Manifest, words: str, api: Any, key: Key, manifest: Manifest, reconciler: Reconciler
) -> None:
    scale(api, manifest, runtime=runtime)
    reconciler.reconcile(key)
    accepted = api.model(key)["status"]["conditions"][0]
    assert (accepted["type"], accepted["status"]) == ("Accepted", "True")
    assert words in accepted["message"]
    scale(api, manifest, runtime=runtime, rollout={"strategy": "RollingUpdate"})
    reconciler.reconcile(key)
    assert api.model(key)["status"]["conditions"][0]["message"] == "the spec is valid"
