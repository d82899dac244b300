"""The status roll-up as a table: what is observed, and what is said of it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gpux_operator.build.checks import Problem
from gpux_operator.build.metadata import POD_HASH
from gpux_operator.status.conditions import MAX_MESSAGE, Verdict, conditions
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed
from gpux_operator.status.reasons import OF_THE_PREDICTOR, OF_THE_SPEC, PROGRESS, Reason
from gpux_operator.status.rollup import as_stored, roll_up

Manifest = dict[str, Any]
NOW = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
INTENT = Intent("new", 1, True, STRATEGY)


def model(generation: int = 3, **status: Any) -> Manifest:
    return {"metadata": {"name": "m", "namespace": "ns", "uid": "u", "generation": generation}, "status": status}


def stopped(**condition_statuses: str) -> Manifest:
    found = isvc(**condition_statuses)
    found["metadata"] |= {"namespace": "ns", "annotations": {"serving.kserve.io/stop": "true"}}
    return found


def isvc(url: str | None = None, **condition_statuses: str) -> Manifest:
    found = [
        {"type": kind, "status": value.split(":")[0], "reason": value.partition(":")[2]}
        for kind, value in condition_statuses.items()
    ]
    status = {"conditions": found, "address": {"url": "http://m-predictor.ns.svc.cluster.local"}}
    return {"metadata": {"name": "m", "uid": "isvc"}, "status": status | ({"url": url} if url else {})}


def in_mode(mode: str) -> Manifest:
    """As KServe says in status.deploymentMode; an InferenceService of ours asks for Standard."""
    found = isvc(PredictorReady="False:ServerlessModeRejected" if mode == "Serverless" else "Unknown")
    found["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Standard"}
    found["status"]["deploymentMode"] = mode
    return found


def deployment(
    *,
    pod_hash: str = "new",
    wanted: int = 1,
    updated: int = 1,
    available: int = 1,
    total: int = 1,
    seen: int = 5,
    conditions: Any = (),
    strategy: Any = None,
) -> Manifest:
    owner = {"kind": "InferenceService", "name": "m", "uid": "isvc", "controller": True}
    return {
        "metadata": {"name": "m-predictor", "generation": 5, "ownerReferences": [owner]},
        "spec": {
            "replicas": wanted,
            "strategy": strategy or STRATEGY,
            "template": {"metadata": {"annotations": {POD_HASH: pod_hash}}},
        },
        "status": {
            "observedGeneration": seen,
            "updatedReplicas": updated,
            "availableReplicas": available,
            "replicas": total,
            "conditions": conditions,
        },
    }


def pod(pod_hash: str = "new", ready: bool = False, name: str = "p", **status: Any) -> Manifest:
    found = [{"type": "Ready", "status": "True" if ready else "False"}, *status.pop("conditions", ())]
    return {"metadata": {"name": name, "annotations": {POD_HASH: pod_hash}}, "status": {"conditions": found, **status}}


def container(name: str = "kserve-container", last: Manifest | None = None, **state: Any) -> Manifest:
    return {"name": name, "image": "some/image:1", "restartCount": 4, "state": state, "lastState": last or {}}


def with_spec(found: Manifest, **spec: Any) -> Manifest:
    return {**found, "spec": spec}


def waiting(message: str) -> Manifest:
    """For a node, in the scheduler's words (kube-scheduler 1.33, framework.FitError)."""
    return pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}])


def unready(*containers: Manifest, init: bool = False) -> Manifest:
    found = pod()
    found["status"]["initContainerStatuses" if init else "containerStatuses"] = list(containers)
    return found


NOT_YET = deployment(available=0)
INIT = "storage-initializer"

PODS = [
    (
        "image",
        unready(container(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling"})),
        Reason.IMAGE_PULL_FAILED,
        "some/image:1 for kserve-container: ImagePullBackOff: Back-off pulling (check its name",
    ),
    (
        "image behind a log-in",
        unready(container(waiting={"reason": "ErrImagePull", "message": "failed to authorize: 401 Unauthorized"})),
        Reason.IMAGE_PULL_FAILED,
        "401 Unauthorized (check its name, and the imagePullSecrets of the pods' ServiceAccount)",
    ),
    (
        "no such Secret, and where",
        unready(container(waiting={"reason": "CreateContainerConfigError", "message": 'secret "x" not found'})),
        Reason.CONTAINER_CONFIG_ERROR,
        'secret "x" not found (create it in the model\'s namespace, or correct the spec that names it)',
    ),
    (
        "init image",
        unready(container(INIT, waiting={"reason": "ErrImagePull"}), init=True),
        Reason.IMAGE_PULL_FAILED,
        INIT,
    ),
    (
        "no node",
        pod(
            conditions=[
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
                }
            ]
        ),
        Reason.UNSCHEDULABLE,
        "1 Insufficient nvidia.com/gpu",
    ),
    (
        "no secret",
        unready(container(waiting={"reason": "CreateContainerConfigError", "message": 'secret "x" not found'})),
        Reason.CONTAINER_CONFIG_ERROR,
        'secret "x" not found',
    ),
    (
        "runs as root",
        unready(
            container(
                waiting={
                    "reason": "CreateContainerConfigError",
                    "message": "container has runAsNonRoot and image will run as root",
                }
            )
        ),
        Reason.CONTAINER_CONFIG_ERROR,
        "will run as root (pods here never run as root: use an image with a numeric USER other than 0 instead of some/image:1)",
    ),
    (
        "download failed once",
        unready(container(INIT, terminated={"exitCode": 1, "message": "RuntimeError: no such bucket\n"}), init=True),
        Reason.STORAGE_INITIALIZER_FAILED,
        "no such bucket: check the source",
    ),
    (
        "download fails again and again",
        unready(
            container(INIT, {"terminated": {"exitCode": 1, "message": "403"}}, waiting={"reason": "CrashLoopBackOff"}),
            init=True,
        ),
        Reason.STORAGE_INITIALIZER_FAILED,
        "exit code 1: 403",
    ),
    (
        "downloading",
        unready(container(INIT, running={"startedAt": "t"}), init=True),
        Reason.MODEL_DOWNLOADING,
        "since t",
    ),
    (
        "downloading again",
        unready(container(INIT, {"terminated": {"exitCode": 1}}, running={"startedAt": "t"}), init=True),
        Reason.MODEL_DOWNLOADING,
        "since t",
    ),
    (
        "out of memory, waiting",
        unready(
            container(
                last={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, waiting={"reason": "CrashLoopBackOff"}
            )
        ),
        Reason.OOM_KILLED,
        "limits.memory",
    ),
    (
        "out of memory, running again",
        unready(container(last={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, running={})),
        Reason.OOM_KILLED,
        "limits.memory",
    ),
    (
        "crashes",
        unready(
            container(
                last={"terminated": {"exitCode": 2, "message": "no such file"}}, waiting={"reason": "CrashLoopBackOff"}
            )
        ),
        Reason.CRASH_LOOP_BACK_OFF,
        "(4 restarts): exit code 2: no such file",
    ),
    (
        "ended",
        unready(container(terminated={"exitCode": 3, "reason": "Error"})),
        Reason.CRASH_LOOP_BACK_OFF,
        "exit code 3: Error",
    ),
    (
        "out of memory, with its limit",
        with_spec(
            unready(container(last={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, running={})),
            containers=[{"name": "kserve-container", "resources": {"limits": {"cpu": "1", "memory": "64Mi"}}}],
        ),
        Reason.OOM_KILLED,
        "used more memory than its limit of 64Mi and was killed: raise spec.serving.resources.limits.memory",
    ),
    (
        "which download",
        with_spec(
            unready(container(INIT, terminated={"exitCode": 1, "message": "403 Forbidden"}), init=True),
            initContainers=[{"name": INIT, "args": ["s3://bucket/model", "/mnt/models"]}],
        ),
        Reason.STORAGE_INITIALIZER_FAILED,
        "failed to fetch s3://bucket/model: exit code 1: 403 Forbidden",
    ),
    (
        "between two crashes",
        unready(container(last={"terminated": {"exitCode": 2, "message": "no such file"}}, running={})),
        Reason.CRASH_LOOP_BACK_OFF,
        "(4 restarts): exit code 2: no such file",
    ),
    (
        "too few GPUs on many nodes",
        waiting(
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient nvidia.com/gpu, 3 Insufficient memory. "
            "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
        ),
        Reason.UNSCHEDULABLE,
        "(2 of 3 nodes have too little nvidia.com/gpu left: free it, add a node that has it, or ask for less in spec.runtime.gpu; "
        "3 of 3 nodes have too little memory left: free it, add a node that has it, or ask for less in spec.serving.resources; "
        "a cordoned node takes no pods before `kubectl uncordon`)",
    ),
    (
        "a taint",
        waiting("0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: batch}."),
        Reason.UNSCHEDULABLE,
        "(spec.serving.tolerations lets a model onto nodes with a taint)",
    ),
    (
        "no such node",
        waiting("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."),
        Reason.UNSCHEDULABLE,
        "no such node fits spec.serving.nodeSelector",
    ),
    (
        "no such claim",
        waiting('0/1 nodes are available: persistentvolumeclaim "models" not found.'),
        Reason.UNSCHEDULABLE,
        '"models" not found. (create the claim, or correct the one that the spec names)',
    ),
    ("loading", unready(container(running={"startedAt": "t"})), Reason.PODS_NOT_READY, "readiness probe fails"),
    ("starting", unready(container(waiting={"reason": "ContainerCreating"})), Reason.PODS_NOT_READY, "is starting"),
    (
        "evicted",
        pod(phase="Failed", reason="Evicted", message="low on memory"),
        Reason.POD_FAILED,
        "Evicted: low on memory",
    ),
]


@pytest.mark.parametrize(("found", "reason", "words"), [case[1:] for case in PODS], ids=[case[0] for case in PODS])
def test_the_cause_comes_from_the_pods(found: Manifest, reason: Reason, words: str) -> None:
    observed = Observed(isvc(PredictorReady="False:MinimumReplicasUnavailable"), NOT_YET, (found,))
    status = as_stored(roll_up(model(), None, INTENT, observed, NOW))
    ready, available = status["conditions"][3], status["conditions"][2]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", reason)
    assert words in ready["message"]
    assert (available["status"], available["reason"], available["message"]) == ("False", reason, ready["message"])


def said(
    observed: Observed, intent: Intent | None = INTENT, problem: Problem | None = None
) -> dict[str, tuple[str, str, str]]:
    status = as_stored(roll_up(model(), problem, intent, observed, NOW))
    return {item["type"]: (item["status"], item["reason"], item["message"]) for item in status["conditions"]}


SERVES = (pod(ready=True),)


def refused(message: str) -> Manifest:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    return deployment(updated=0, available=0, total=0, conditions=[condition])


TABLE = [
    ("nothing yet", Observed(), "Unknown", Reason.WAITING_FOR_KSERVE, "Unknown"),
    ("no deployment", Observed(isvc()), "Unknown", Reason.WAITING_FOR_KSERVE, "Unknown"),
    (
        "kserve failed",
        Observed(isvc(PredictorReady="False:ReconcileFailed")),
        "False",
        Reason.INFERENCE_SERVICE_FAILED,
        "False",
    ),
    (
        "kserve says it in an event",
        Observed(isvc(), kserve_trouble="x"),
        "False",
        Reason.INFERENCE_SERVICE_FAILED,
        "False",
    ),
    ("kserve is too old", Observed(in_mode("Serverless")), "False", Reason.KSERVE_TOO_OLD, "False"),
    (
        "kserve 0.15 names the mode so",
        Observed(in_mode("RawDeployment")),
        "Unknown",
        Reason.WAITING_FOR_KSERVE,
        "Unknown",
    ),
    ("kserve does as it is told", Observed(in_mode("Standard")), "Unknown", Reason.WAITING_FOR_KSERVE, "Unknown"),
    ("ready", Observed(isvc(PredictorReady="True"), deployment(), SERVES), "True", Reason.NEWEST_SERVES, "True"),
    (
        "kserve has not noticed",
        Observed(isvc(PredictorReady="Unknown"), deployment(), SERVES),
        "Unknown",
        Reason.WAITING_FOR_KSERVE,
        "True",
    ),
    (
        "kserve's word on the deployment is old",
        Observed(isvc(PredictorReady="False:MinimumReplicasUnavailable"), deployment(), SERVES),
        "Unknown",
        Reason.WAITING_FOR_KSERVE,
        "True",
    ),
    (
        "another template",
        Observed(isvc(PredictorReady="True"), deployment(pod_hash="old"), SERVES),
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "True",
    ),
    (
        "the deployment's controller is behind",
        Observed(isvc(PredictorReady="True"), deployment(seen=4), SERVES),
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "True",
    ),
    (
        "another count",
        Observed(isvc(PredictorReady="True"), deployment(wanted=2), SERVES),
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "True",
    ),
    (
        "an old pod is left",
        Observed(isvc(PredictorReady="True"), deployment(total=2), SERVES),
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "True",
    ),
    (
        "a new pod fails beside a good old one",
        Observed(
            isvc(PredictorReady="True"),
            deployment(total=2),
            (pod("old", ready=True), unready(container(waiting={"reason": "ErrImagePull"}))),
        ),
        "False",
        Reason.IMAGE_PULL_FAILED,
        "True",
    ),
    (
        "pods are refused",
        Observed(isvc(), refused("pods is forbidden")),
        "False",
        Reason.PODS_REFUSED,
        "False",
    ),
    (
        "another strategy",
        Observed(isvc(PredictorReady="True"), deployment(strategy={"type": "Recreate"}), SERVES),
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "True",
    ),
    (
        "another surge",
        Observed(
            isvc(PredictorReady="True"),
            deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
            SERVES,
        ),
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "True",
    ),
    ("stopped", Observed(stopped(PredictorReady="False:Stopped")), "False", Reason.STOPPED, "False"),
    ("stopping", Observed(stopped(PredictorReady="True"), deployment(), SERVES), "False", Reason.STOPPED, "True"),
    (
        "started again",
        Observed(isvc(PredictorReady="False:Stopped")),
        "Unknown",
        Reason.WAITING_FOR_KSERVE,
        "Unknown",
    ),
    (
        "quota",
        Observed(isvc(), refused("exceeded quota: q")),
        "False",
        Reason.QUOTA_EXCEEDED,
        "False",
    ),
    (
        "ingress",
        Observed(isvc(PredictorReady="True", IngressReady="False:Broken"), deployment(), SERVES),
        "False",
        Reason.INGRESS_NOT_READY,
        "True",
    ),
    (
        "ingress not known",
        Observed(isvc(PredictorReady="True", IngressReady="Unknown"), deployment(), SERVES),
        "True",
        Reason.NEWEST_SERVES,
        "True",
    ),
]


@pytest.mark.parametrize(
    ("observed", "ready", "reason", "available"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_ready_and_available(observed: Observed, ready: str, reason: Reason, available: str) -> None:
    found = said(observed)
    assert found["Ready"][:2] == (ready, reason)
    assert found["Available"][0] == available
    assert found["Accepted"][:2] == ("True", Reason.VALID)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (deployment(), "1 of 1 replicas answer requests"),
        (deployment(wanted=2, total=2, updated=2), "1 of 2 replicas answer requests"),
        (deployment(pod_hash="old"), "1 of 1 replicas answer requests, not all of them of the newest generation"),
        (deployment(seen=4), "1 of 1 replicas answer requests, not all of them of the newest generation"),
        (
            deployment(total=2, available=2),
            "2 of 2 replicas answer requests, not all of them of the newest generation",
        ),
    ],
)
def test_an_old_generation_is_named_only_where_one_serves(found: Manifest, message: str) -> None:
    assert said(Observed(isvc(PredictorReady="Unknown"), found, SERVES))["Available"][2] == message


def test_how_to_start_again_what_was_stopped_by_hand() -> None:
    message = said(Observed(stopped()))["Ready"][2]
    assert "kubectl annotate inferenceservice m -n ns serving.kserve.io/stop-" in message


@pytest.mark.parametrize(("container", "hint"), [(INIT, True), ("kserve-container", False)])
def test_what_helps_where_the_initializer_is_refused(container: str, hint: bool) -> None:
    words = f'pods "p" is forbidden: violates PodSecurity "restricted:latest": container "{container}" must set'
    message = said(Observed(isvc(), refused(words)))["Ready"][2]
    assert words in message
    assert ("ClusterStorageContainer `default`" in message) is hint
    assert ("runAsNonRoot: true" in message and "pvc://" in message) is hint


@pytest.mark.parametrize("reason", [*sorted(OF_THE_SPEC), Reason.KSERVE_NOT_INSTALLED, Reason.OPERATOR_FORBIDDEN])
def test_a_problem_is_the_cause(reason: Reason) -> None:
    found = said(Observed(), None, Problem(reason, "do this"))
    assert found["Ready"] == ("False", reason, "do this")
    assert found["Accepted"][0] == ("False" if reason in OF_THE_SPEC else "True")


@pytest.mark.parametrize("reason", [Reason.REQUEST_FAILED, Reason.WAITING_FOR_DELETION])
def test_what_is_not_known_is_unknown(reason: Reason) -> None:
    assert said(Observed(), INTENT, Problem(reason, "x"))["Ready"][0] == "Unknown"


def test_every_reason_is_reached_and_has_its_meaning() -> None:
    reached = {case[2] for case in PODS} | {case[3] for case in TABLE} | OF_THE_SPEC
    reached |= {
        Reason.KSERVE_NOT_INSTALLED,
        Reason.OPERATOR_FORBIDDEN,
        Reason.REQUEST_FAILED,
        Reason.WAITING_FOR_DELETION,
        Reason.STILL_EXPOSED,
        Reason.CONTESTED,
    }
    reached |= {Reason.SUSPENDED, Reason.AUTOSCALER_MISSING}  # test_scaling.py
    reached |= {Reason.REVISION_FAILED, Reason.CANARY_IN_PROGRESS, Reason.SCALED_TO_ZERO}  # test_knative.py
    reached |= {Reason.KNATIVE_NOT_INSTALLED}  # likewise
    reached |= {Reason.VALID, Reason.SERVING, Reason.MODEL_READY}
    reached |= {*OF_THE_PREDICTOR, Reason.MODEL_LOADING}  # test_predictor_words
    reached |= {Reason.BATCH_RUN_FAILED, Reason.BATCH_RUN_SUCCEEDED, Reason.NO_BATCH_RUN_YET}  # test_batch_status.py
    reached |= {Reason.FIELDS_IGNORED}  # test_reconcile.py
    reached |= {Reason.POD_START_FAILED, Reason.DRAINED}  # test_troubles, and below
    assert reached == set(Reason)
    assert all(reason.doc.endswith(".") and reason.isalnum() and reason[0].isupper() for reason in Reason)
    assert set(Reason) >= PROGRESS


def test_the_worst_of_several_causes_counts() -> None:
    names = ("loading", "downloading", "image", "out of memory, waiting")
    found = tuple(case[1] for case in PODS if case[0] in names)
    assert said(Observed(isvc(), NOT_YET, found))["Ready"][1] == Reason.IMAGE_PULL_FAILED


def leaving(reason: str, pod_hash: str = "new") -> Manifest:
    """A pod that the eviction API, a taint or a preemption deletes (core/v1 DisruptionTarget)."""
    found = pod(pod_hash, ready=True, name="leaving")
    found["metadata"]["deletionTimestamp"] = "t"
    message = "Eviction API: evicting"
    found["status"]["conditions"].append(
        {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
    )
    return with_spec(found, nodeName="node-1")


def test_a_replica_of_a_drained_node() -> None:
    starting = unready(container(waiting={"reason": "ContainerCreating"}))
    found = said(Observed(isvc(), NOT_YET, (leaving("EvictionByEvictionAPI"), starting)))
    assert found["Ready"][:2] == ("False", Reason.DRAINED)
    assert found["Ready"][2].startswith(
        "pod leaving was evicted from node-1: EvictionByEvictionAPI: Eviction API: evicting; "
        "0 of 1 replicas of the newest generation serve; pod p is starting"
    )
    full = waiting("0/1 nodes are available: 1 node(s) were unschedulable.")
    worse = said(Observed(isvc(), NOT_YET, (leaving("EvictionByEvictionAPI"), full)))
    assert worse["Ready"][:2] == ("False", Reason.UNSCHEDULABLE), "what the replacement lacks is the cause"
    for other in (leaving("TerminationByKubelet"), leaving("EvictionByEvictionAPI", "old")):
        assert said(Observed(isvc(), NOT_YET, (other, starting)))["Ready"][1] == Reason.PODS_NOT_READY


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0", "(raise the ResourceQuota"),
        (
            'pods "p-" is forbidden: error looking up service account ns/s3: serviceaccount "s3" not found',
            "(create the ServiceAccount s3",
        ),
    ],
)
def test_what_helps_where_pods_are_refused(words: str, hint: str) -> None:
    message = said(Observed(isvc(), refused(words)))["Ready"][2]
    assert f"{words} {hint}" in message


def test_a_pod_that_goes_or_an_old_one_is_no_cause() -> None:
    going = copy.deepcopy(PODS[0][1])
    going["metadata"]["deletionTimestamp"] = "now"
    old = copy.deepcopy(PODS[0][1])
    old["metadata"]["annotations"][POD_HASH] = "old"
    found = said(Observed(isvc(), NOT_YET, (going, old)))
    assert found["Ready"][:2] == ("False", Reason.ROLLOUT_IN_PROGRESS)


def test_a_deployment_that_is_not_kserve_s_is_none() -> None:
    foreign = deployment()
    foreign["metadata"]["ownerReferences"] = []
    status = as_stored(roll_up(model(), None, INTENT, Observed(isvc(), foreign), NOW))
    assert status["replicas"] == 0
    assert status["conditions"][3]["reason"] == Reason.WAITING_FOR_KSERVE


def test_the_counts_and_addresses() -> None:
    pods = (pod(ready=True, name="a"), pod(ready=True, name="b"), pod("old", ready=True, name="c"))
    observed = Observed(
        isvc("http://m-ns.example.com", PredictorReady="True"),
        deployment(wanted=3, total=1),  # behind what its pods already say
        pods,
        frozenset({"m-ns.example.com"}),
    )
    status = as_stored(roll_up(model(), None, Intent("new", 3, True, STRATEGY), observed, NOW))
    assert (status["replicas"], status["readyReplicas"]) == (3, 2)
    assert status["url"] == "http://m-ns.example.com"
    assert status["address"] == {"url": "http://m-predictor.ns.svc.cluster.local"}
    assert status["selector"] == "app=isvc.m-predictor"
    assert status["observedGeneration"] == 3


@pytest.mark.parametrize(
    ("public", "hosts"),
    [(True, frozenset()), (True, frozenset({"other.example.com"})), (False, frozenset({"m-ns.example.com"}))],
)
def test_no_url_without_an_ingress_that_has_it(public: bool, hosts: frozenset[str]) -> None:
    observed = Observed(isvc("http://m-ns.example.com"), hosts=hosts)
    assert "url" not in as_stored(roll_up(model(), None, Intent("new", 1, public, STRATEGY), observed, NOW))


def test_the_time_of_a_condition_stays_while_its_status_does() -> None:
    first = conditions((), {"Ready": Verdict("False", Reason.PODS_NOT_READY, "a")}, 1, NOW)
    stored = [item.model_dump(mode="json", by_alias=True) for item in first]
    assert stored[0]["lastTransitionTime"] == "2030-01-02T03:04:05Z"
    later = NOW + timedelta(hours=1)
    (same,) = conditions(stored, {"Ready": Verdict("False", Reason.OOM_KILLED, "b")}, 2, later)
    assert (same.last_transition_time, same.observed_generation, same.reason) == (
        NOW.replace(microsecond=0),
        2,
        "OOMKilled",
    )
    (changed,) = conditions(stored, {"Ready": Verdict("True", Reason.NEWEST_SERVES, "c")}, 2, later)
    assert changed.last_transition_time == later.replace(microsecond=0)


def test_a_status_that_is_stored_comes_out_the_same() -> None:
    observed = Observed(isvc(PredictorReady="True"), deployment(), SERVES)
    once = as_stored(roll_up(model(), None, INTENT, observed, NOW))
    assert as_stored(roll_up(model(**once), None, INTENT, observed, NOW + timedelta(days=1))) == once


def test_of_a_long_log_the_end_is_told() -> None:
    log = "\n".join(
        ["Traceback (most recent call last):", *(f"line {number}" for number in range(70)), "KeyError: 'x'"]
    )
    crashed = unready(container(terminated={"exitCode": 1, "message": log}))
    message = said(Observed(isvc(), NOT_YET, (crashed,)))["Ready"][2]
    assert message.startswith("kserve-container in pod p ended (4 restarts): exit code 1: …line 59\nline 60")
    assert message.endswith("line 69\nKeyError: 'x'")
    crashed = unready(container(terminated={"exitCode": 1, "message": "x" * 40000}))
    assert len(said(Observed(isvc(), NOT_YET, (crashed,)))["Ready"][2]) < 1300


def test_a_message_fits_into_the_schema() -> None:
    observed = Observed(
        isvc(), NOT_YET, (unready(container(waiting={"reason": "ErrImagePull", "message": "x" * 40000})),)
    )
    assert len(said(observed)["Ready"][2]) == MAX_MESSAGE
