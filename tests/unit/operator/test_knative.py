"""A model in Knative mode: the status as a table of what its Knative Service, revisions and pods say, and what its build leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gpux_api.manifests import parse
from gpux_operator.build.metadata import MODE, POD_HASH
from gpux_operator.engine.desired import desired_children
from gpux_operator.engine.leftovers import remove_old_config_maps
from gpux_operator.kube.api import (
    CONFIG_MAPS,
    GPUX_MODELS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    INGRESSES,
    KNATIVE_SERVICES,
    SERVICES,
    VIRTUAL_SERVICES,
    Resource,
)
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed
from gpux_operator.status.reasons import Reason
from gpux_operator.status.rollup import as_stored, roll_up

if TYPE_CHECKING:
    from tests.unit.operator.conftest import FakeApi

    from gpux_operator.build.inference_service import Images
    from gpux_operator.engine.queue import Key
    from gpux_operator.engine.reconcile import Reconciler

Manifest = dict[str, Any]
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
INTENT = Intent("new", 0, True, {}, autoscaled=True, knative=True)
ONE = Intent("new", 1, True, {}, autoscaled=True, knative=True)
TENTH = Intent("new", 0, True, {}, autoscaled=True, knative=True, canary=10)
NONE = Intent("new", 2, True, {}, autoscaled=True, knative=True, canary=0)
LOCAL = Intent("new", 0, False, {}, autoscaled=True, knative=True)
INSIDE = "http://m-predictor.ns.svc.cluster.local"


def isvc(**conditions: str) -> Manifest:
    said = [
        dict(zip(("type", "status", "reason", "message"), (kind, *words.split("|")), strict=False))
        for kind, words in conditions.items()
    ]
    metadata = {"name": "m", "uid": "isvc", "annotations": {MODE: "Knative"}}
    status = {"deploymentMode": "Knative", "conditions": said, "address": {"url": "http://m.ns.svc.cluster.local"}}
    return {"metadata": metadata, "status": status}


def service(
    *traffic: tuple[str, int],
    pod_hash: str = "new",
    created: str = "m-2",
    asked: int = 100,
    url: str = "http://m-predictor.ns.example.com",
    seen: int = 3,
    **conditions: str,
) -> Manifest:
    conditions = {"RoutesReady": "True", "ConfigurationsReady": "True", **conditions}
    return {
        "metadata": {"name": "m-predictor", "generation": 3, "ownerReferences": [{"uid": "isvc", "controller": True}]},
        "spec": {
            "template": {"metadata": {"annotations": {POD_HASH: pod_hash}}},
            "traffic": [{"latestRevision": True, "percent": asked}],
        },
        "status": {
            **isvc(**conditions)["status"],
            "observedGeneration": seen,
            "latestCreatedRevisionName": created,
            "traffic": [{"revisionName": name, "percent": share} for name, share in traffic],
            "url": url,
            "address": {"url": INSIDE},
        },
    }


def revision(name: str = "m-2", pod_hash: str = "new", ready: str = "True", config_map: str = "m-new") -> Manifest:
    metadata = {"name": name, "annotations": {POD_HASH: pod_hash}}
    spec = {"volumes": [{"name": "gpux-config", "configMap": {"name": config_map}}, {"name": "tmp", "emptyDir": {}}]}
    return {"metadata": metadata, "spec": spec, "status": isvc(Ready=ready)["status"]}


def pod(name: str, pod_hash: str = "new", ready: bool = True, **status: Any) -> Manifest:
    found = [{"type": "Ready", "status": "True" if ready else "False"}]
    metadata = {"name": name, "annotations": {POD_HASH: pod_hash}}
    return {"metadata": metadata, "status": {"conditions": found, **status}}


def crashed(name: str, pod_hash: str = "new") -> Manifest:
    ended = {"exitCode": 1, "reason": "Error", "message": "boom"}
    state = {"name": "kserve-container", "restartCount": 3, "state": {"terminated": ended}}
    return pod(name, pod_hash, ready=False, containerStatuses=[state])


def evicted(name: str) -> Manifest:
    """Kept by Kubernetes long after, when its revision has no pods any more, too."""
    return pod(name, ready=False, phase="Failed", reason="Evicted", message="The node was low on resource: memory.")


def observed(
    found: Manifest | None, revisions: tuple[Manifest, ...] = (), pods: tuple[Manifest, ...] = (), **said: str
) -> Observed:
    return Observed(isvc(**said), knative_service=found, revisions=revisions, pods=pods)


OLD, NEW = revision("m-1", "old", config_map="m-old"), revision()
WHOLE = service(("m-2", 100))
AT_FIRST = service(("m-1", 90), ("m-1", 10), created="m-1", asked=10)
"""A model that began with a canary: KServe splits the requests between the first revision and itself."""
FAILED = "False|RevisionFailed|Revision failed with message: no such image."

CASES: dict[str, tuple[Observed, Intent, str, Reason, str]] = {
    "no Knative Service": (observed(None), INTENT, "Unknown", Reason.WAITING_FOR_KSERVE, "Unknown"),
    "KServe cannot make one": (
        observed(None, PredictorReady="False|ReconcileFailed|admission webhook denied the request"),
        INTENT,
        "False",
        Reason.INFERENCE_SERVICE_FAILED,
        "False",
    ),
    "a Knative Service of somebody else's": (
        observed({**WHOLE, "metadata": {"name": "m-predictor", "generation": 3}}, (NEW,)),
        INTENT,
        "Unknown",
        Reason.WAITING_FOR_KSERVE,
        "Unknown",
    ),
    "KServe has not passed it on": (
        observed(service(("m-1", 100), pod_hash="old", created="m-1"), (OLD,), PredictorReady=FAILED),
        INTENT,
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "True",
    ),
    "KServe cannot pass it on": (
        observed(service(("m-1", 100), pod_hash="old"), (OLD,), PredictorReady="False|ReconcileFailed|no"),
        INTENT,
        "False",
        Reason.INFERENCE_SERVICE_FAILED,
        "True",
    ),
    "Knative has not seen it": (
        observed(service(("m-2", 100), seen=2), (NEW,)), INTENT, "False", Reason.ROLLOUT_IN_PROGRESS, "True",
    ),
    "its revision of an earlier generation": (
        observed(service(("m-1", 100), created="m-1"), (OLD,)), INTENT, "False", Reason.ROLLOUT_IN_PROGRESS, "True",
    ),
    "Knative cannot make a revision": (
        observed(service(created="", ConfigurationsReady="False|RevisionFailed|no")),
        INTENT,
        "False",
        Reason.REVISION_FAILED,
        "False",
    ),
    "the revision starts": (
        observed(service(RoutesReady="Unknown"), (revision(ready="Unknown|Deploying"),)),
        INTENT,
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "False",
    ),
    "its pod starts": (
        observed(service(RoutesReady="Unknown"), (revision(ready="Unknown"),), (pod("a", ready=False),)),
        INTENT,
        "False",
        Reason.PODS_NOT_READY,
        "False",
    ),
    "the revision failed": (
        observed(service(("m-1", 100)), (OLD, revision(ready="False|ProgressDeadlineExceeded|too slow"))),
        INTENT,
        "False",
        Reason.REVISION_FAILED,
        "True",
    ),
    "the revision failed, and a pod says why": (
        observed(service(("m-1", 100)), (OLD, revision(ready="False|ExitCode1|x")), (crashed("a"),)),
        INTENT,
        "False",
        Reason.CRASH_LOOP_BACK_OFF,
        "True",
    ),
    "a quota": (
        observed(service(RoutesReady="Unknown"), (revision(ready="False|FailedCreate|pods is forbidden: exceeded quota: q"),)),
        INTENT,
        "False",
        Reason.QUOTA_EXCEEDED,
        "False",
    ),
    "pods are refused": (
        observed(service(RoutesReady="Unknown"), (revision(ready="False|FailedCreate|violates PodSecurity"),)),
        INTENT,
        "False",
        Reason.PODS_REFUSED,
        "False",
    ),
    "no route yet": (
        observed(service(RoutesReady="Unknown|IngressNotConfigured"), (NEW,), (pod("a"),)),
        INTENT,
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "False",
    ),
    "the route fails": (
        observed(service(RoutesReady="False|NotOwned|no"), (NEW,), (pod("a"),)),
        INTENT,
        "False",
        Reason.INGRESS_NOT_READY,
        "False",
    ),
    "it serves": (observed(WHOLE, (NEW,), (pod("a"),)), ONE, "True", Reason.NEWEST_SERVES, "True"),
    "it sleeps": (observed(WHOLE, (NEW,)), INTENT, "True", Reason.SCALED_TO_ZERO, "True"),
    "it wakes up": (observed(WHOLE, (NEW,), (pod("a", ready=False),)), INTENT, "True", Reason.SCALED_TO_ZERO, "True"),
    "it cannot wake up": (observed(WHOLE, (NEW,), (crashed("a"),)), INTENT, "False", Reason.CRASH_LOOP_BACK_OFF, "False"),
    "it sleeps, and an evicted pod is left": (
        observed(WHOLE, (NEW,), (evicted("a"),)), INTENT, "True", Reason.SCALED_TO_ZERO, "True",
    ),
    "it serves, and an evicted pod is left": (
        observed(WHOLE, (NEW,), (evicted("a"), pod("b"))), ONE, "True", Reason.NEWEST_SERVES, "True",
    ),
    "an evicted pod's place is not taken": (
        observed(WHOLE, (NEW,), (evicted("a"),)), ONE, "False", Reason.POD_FAILED, "True",
    ),
    "its first pod is evicted": (
        observed(service(RoutesReady="Unknown"), (revision(ready="Unknown"),), (evicted("a"),)),
        INTENT,
        "False",
        Reason.POD_FAILED,
        "False",
    ),
    "one of more than the least fails": (
        observed(WHOLE, (NEW,), (pod("a"), crashed("b"))), ONE, "True", Reason.NEWEST_SERVES, "True",
    ),
    "fewer than the least": (observed(WHOLE, (NEW,)), ONE, "False", Reason.ROLLOUT_IN_PROGRESS, "True"),
    "the old one still gets requests": (
        observed(service(("m-1", 100)), (OLD, NEW), (pod("a"),)), ONE, "False", Reason.ROLLOUT_IN_PROGRESS, "True",
    ),
    "a canary": (
        observed(service(("m-2", 10), ("m-1", 90), asked=10), (OLD, NEW)), TENTH, "True", Reason.CANARY_IN_PROGRESS, "True",
    ),
    "a canary that KServe has not split yet": (
        observed(service(("m-2", 100)), (OLD, NEW)), TENTH, "False", Reason.ROLLOUT_IN_PROGRESS, "True",
    ),
    "a canary that Knative has not split yet": (
        observed(service(("m-2", 50), ("m-1", 50), asked=10), (OLD, NEW)), TENTH, "False", Reason.ROLLOUT_IN_PROGRESS, "True",
    ),
    "a canary of the first version": (
        observed(AT_FIRST, (revision("m-1"),)), TENTH, "True", Reason.SCALED_TO_ZERO, "True",
    ),
    "a canary that gets nothing": (
        observed(service(("m-2", 0), ("m-1", 100), asked=0), (OLD, NEW)), NONE, "True", Reason.CANARY_IN_PROGRESS, "True",
    ),
    "a canary that is not promoted yet": (
        observed(service(("m-2", 10), ("m-1", 90), asked=10), (OLD, NEW)), INTENT, "False", Reason.ROLLOUT_IN_PROGRESS, "True",
    ),
    "an old version that crashes beside a canary": (
        observed(service(("m-2", 0), ("m-1", 100), asked=0), (OLD, NEW), (crashed("a", "old"),)),
        NONE,
        "True",
        Reason.CANARY_IN_PROGRESS,
        "False",
    ),
    "the newest serves with a pod, and cannot grow": (
        observed(WHOLE, (revision(ready="False|ProgressDeadlineExceeded|x"),), (pod("a"),)),
        ONE,
        "False",
        Reason.REVISION_FAILED,
        "True",
    ),
    "local, and still public": (observed(WHOLE, (NEW,)), LOCAL, "False", Reason.STILL_EXPOSED, "True"),
    "local, by another scheme": (
        observed(service(("m-2", 100), url=INSIDE.replace("http", "https")), (NEW,)), LOCAL, "True", Reason.SCALED_TO_ZERO, "True",
    ),
    "local": (observed(service(("m-2", 100), url=INSIDE), (NEW,)), LOCAL, "True", Reason.SCALED_TO_ZERO, "True"),
}  # fmt: skip


def status_of(found: Observed, intent: Intent, before: Manifest | None = None) -> Manifest:
    model = {"metadata": {"name": "m", "namespace": "ns", "uid": "u", "generation": 3}, "status": before or {}}
    return as_stored(roll_up(model, None, intent, found, NOW))


def conditions_of(status: Manifest) -> dict[str, Manifest]:
    return {item["type"]: item for item in status["conditions"]}


def conditions(found: Observed, intent: Intent) -> dict[str, Manifest]:
    return conditions_of(status_of(found, intent))


@pytest.mark.parametrize(("found", "intent", "ready", "reason", "available"), CASES.values(), ids=CASES)
def test_ready_and_available(found: Observed, intent: Intent, ready: str, reason: Reason, available: str) -> None:
    said = conditions(found, intent)
    assert (said["Ready"]["status"], said["Ready"]["reason"]) == (ready, reason), said["Ready"]
    assert said["Available"]["status"] == available, said["Available"]


@pytest.mark.parametrize(
    ("routes", "stays"),
    [("Unknown|TrafficNotMigrated", True), ("False|RevisionMissing", True), ("False|NotOwned", False)],
)
@pytest.mark.parametrize("pods", [(pod("a", "old"),), ()], ids=["running", "sleeping"])
def test_a_route_that_changes_serves_as_before(routes: str, stays: bool, pods: tuple[Manifest, ...]) -> None:
    """Knative calls a route Unknown at each change of the split, until its ingress has followed."""
    before = status_of(observed(service(("m-1", 100), created="m-1", pod_hash="old"), (OLD,), pods), INTENT)
    status = status_of(observed(service(("m-1", 100), RoutesReady=routes), (OLD, NEW), pods), INTENT, before)
    assert (conditions_of(status)["Available"]["status"] == "True") is stays
    assert (status.get("url") == before["url"]) is stays
    assert conditions_of(status)["Ready"]["status"] == "False"


def test_a_first_route_is_waited_for() -> None:
    status = status_of(
        observed(service(("m-2", 100), RoutesReady="Unknown|IngressNotConfigured"), (NEW,), (pod("a"),)), INTENT
    )
    assert conditions_of(status)["Available"]["status"] == "False"
    assert "url" not in status


def test_a_canary_says_who_gets_what_and_how_it_is_promoted() -> None:
    message = conditions(CASES["a canary"][0], TENTH)["Ready"]["message"]
    assert "10 % of the requests go to the newest generation (revision m-2), 90 % to revision m-1" in message
    assert "percent: 100" in message


def test_what_serves_beside_the_newest_is_named() -> None:
    found = observed(service(("m-2", 10), ("m-1", 90), asked=10), (OLD, NEW), (pod("a"), pod("b", "old")))
    message = conditions(found, TENTH)["Available"]["message"]
    assert message == "2 replicas answer requests, not all of them of the newest generation"


def test_counts_and_addresses_are_knative_s() -> None:
    ending = pod("b")
    ending["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    status = status_of(observed(WHOLE, (NEW,), (pod("a"), ending, pod("c", "old"), evicted("d"))), ONE)
    assert (status["replicas"], status["readyReplicas"]) == (2, 1)
    assert status["selector"] == "serving.kserve.io/inferenceservice=m"
    assert status["url"] == "http://m-predictor.ns.example.com"
    assert status["address"] == {"url": INSIDE}


def test_no_url_before_there_is_a_route_or_where_none_is_wanted() -> None:
    assert "url" not in status_of(observed(service(RoutesReady="Unknown"), (NEW,)), INTENT)
    assert "url" not in status_of(observed(service(("m-2", 100), url=INSIDE), (NEW,)), LOCAL)
    assert "address" not in status_of(observed(None), INTENT), "KServe's copy may be left from before"


@pytest.mark.parametrize("case", ["it sleeps", "a canary"])
def test_a_sleeping_model_is_not_known_to_be_loaded(case: str) -> None:
    said = conditions(*CASES[case][:2])
    assert (said["ModelLoaded"]["status"], said["ModelLoaded"]["reason"]) == ("Unknown", Reason.SCALED_TO_ZERO)


def test_a_config_map_stays_while_there_is_a_revision_that_mounts_it(api: FakeApi, key: Key) -> None:
    owner = [{"uid": "u", "controller": True}]
    maps = tuple(
        api.store(CONFIG_MAPS, {"metadata": {"name": name, "namespace": key.namespace, "ownerReferences": owner}})
        for name in ("m-new", "m-old", "m-older")
    )
    seen = Observed(isvc(), knative_service=WHOLE, revisions=(OLD, NEW), config_maps=maps)
    remove_old_config_maps(api, key, "u", "m-new", seen)
    assert {name for kind, _, name in api.objects if kind == CONFIG_MAPS} == {"m-new", "m-old"}
    api.calls.clear()
    remove_old_config_maps(api, key, "u", "m-new", replace(seen, config_maps=maps[:2]))
    assert api.calls == [], "a pass that has nothing to remove asks for nothing"


def test_what_scales_makes_a_new_revision_and_a_canary_none(images: Images) -> None:
    """Knative keeps both bounds in the revision's annotations."""

    def pod_hash(**spec: Any) -> str:
        text = (Path(__file__).parent / "golden" / "knative.in.yaml").read_text()
        document = yaml.safe_load(text)
        document["spec"] |= spec
        return desired_children(parse(document), "vision", images).intent.pod_hash

    replicas = {"min": 1, "max": 4, "target": {"metric": "concurrency", "value": 8}}
    serving = {"mode": "Knative", "visibility": "ClusterLocal"}
    assert pod_hash() == pod_hash(rollout={"canary": {"percent": 50}}) == pod_hash(rollout={}) == pod_hash(suspend=True)
    assert pod_hash() != pod_hash(serving={**serving, "replicas": replicas})


def ready(api: FakeApi, key: Key) -> Manifest:
    return next(item for item in api.model(key)["status"]["conditions"] if item["type"] == "Ready")


def in_knative_mode(api: FakeApi, manifest: Manifest, **serving: str) -> None:
    manifest["spec"]["serving"] = {"mode": "Knative", **serving}
    api.store(GPUX_MODELS, manifest, "user")


def test_without_knative_nothing_is_made(api: FakeApi, reconciler: Reconciler, key: Key, manifest: Manifest) -> None:
    in_knative_mode(api, manifest)
    api.missing_kinds = {KNATIVE_SERVICES}
    assert reconciler.reconcile(key).retry_seconds == 60.0
    assert ready(api, key)["reason"] == Reason.KNATIVE_NOT_INSTALLED
    assert not api.of(INFERENCE_SERVICES)
    api.missing_kinds = set()
    reconciler.reconcile(key)
    assert api.isvc(key)["metadata"]["annotations"][MODE] == "Knative"


@pytest.mark.parametrize(
    ("kind", "resource", "name"),
    [
        ("Knative Service", KNATIVE_SERVICES, "{}-predictor"),
        ("Service", SERVICES, "{}"),
        ("VirtualService", VIRTUAL_SERVICES, "{}"),
    ],
)
def test_what_kserve_would_take_over_is_told(
    kind: str, resource: Resource, name: str, api: FakeApi, reconciler: Reconciler, key: Key, manifest: Manifest
) -> None:
    in_knative_mode(api, manifest)
    taken = name.format(key.name)
    api.objects[resource, key.namespace, taken] = {"metadata": {"name": taken, "namespace": key.namespace, "uid": "x"}}
    reconciler.reconcile(key)
    assert ready(api, key)["reason"] == Reason.NAME_CONFLICT
    assert f"{kind} {taken} exists" in ready(api, key)["message"]
    assert not api.of(INFERENCE_SERVICES)


def test_a_second_pass_writes_nothing(api: FakeApi, reconciler: Reconciler, key: Key, manifest: Manifest) -> None:
    in_knative_mode(api, manifest)
    reconciler.reconcile(key)
    api.calls.clear()
    reconciler.reconcile(key)
    assert api.writes == []


def test_a_local_model_has_no_ingress_of_kserve_s_to_look_for(
    api: FakeApi, reconciler: Reconciler, key: Key, manifest: Manifest
) -> None:
    in_knative_mode(api, manifest, visibility="ClusterLocal")
    reconciler.reconcile(key)
    api.calls.clear()
    reconciler.reconcile(key)
    kinds = [kind for verb, kind, _ in api.calls if verb == "get"]
    assert not {INGRESSES.plural, HTTP_ROUTES.plural} & set(kinds), kinds
