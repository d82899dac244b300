"""What predictors say, as /health, /info and /openapi.json say it, and what the status makes of it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator.test_rollup import (
    INTENT,
    NOT_YET,
    NOW,
    SERVES,
    STRATEGY,
    container,
    deployment,
    isvc,
    model,
    pod,
    unready,
)

from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed
from gpux_operator.status.predictor import Described, Health, described, health
from gpux_operator.status.reasons import OF_THE_PREDICTOR, PROGRESS, Reason
from gpux_operator.status.rollup import as_stored, roll_up
from gpux_operator.status.served import MAX_BODY
from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.serving import health as predictors

RUNS = unready(container(running={"startedAt": "2030-01-02T03:00:00Z"}))
Manifest = dict[str, Any]


def rolled(observed: Observed, intent: Intent = INTENT, **before: Any) -> Manifest:
    return as_stored(roll_up(model(**before), None, intent, observed, NOW))


def said(status: Manifest, kind: str = "Ready") -> tuple[str, str, str]:
    found = next(item for item in status["conditions"] if item["type"] == kind)
    return found["status"], found["reason"], found["message"]


def test_each_reason_of_the_predictor_is_one_of_the_operator() -> None:
    assert {str(reason) for reason in LoadReason} == {str(reason) for reason in OF_THE_PREDICTOR}
    assert not OF_THE_PREDICTOR & PROGRESS


@pytest.mark.parametrize("reason", LoadReason)
def test_the_predictor_s_cause_is_the_model_s(reason: LoadReason) -> None:
    body = predictors.failed(LoadError(reason, "expected 1, got 2")).describe("m")
    words = health(body)
    assert words == Health(Reason[reason.name], "expected 1, got 2")
    status = rolled(Observed(isvc(), NOT_YET, (RUNS,), said={"p": words}))
    message = "expected 1, got 2 (said by the predictor in pod p)"
    for kind in ("Ready", "Available", "ModelLoaded"):
        assert said(status, kind) == ("False", str(reason), message)


PHASES = [
    predictors.starting(),
    predictors.loading("loading s3://b/m"),
    predictors.downloading("s3://b/m", 5, 10),
    predictors.warming_up("trying model.onnx"),
    predictors.checking(1, 2),
]


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.reason)
def test_its_progress_is_told_and_no_cause(phase: predictors.Health) -> None:
    words = health(phase.describe("m"))
    found = said(rolled(Observed(isvc(), NOT_YET, (RUNS,), said={"p": words} if words else {})))
    assert found == ("False", Reason.MODEL_LOADING, f"pod p is not ready: {phase.reason}: {phase.detail}")
    assert {phase.reason for phase in PHASES} == {str(item) for item in predictors.Phase} - {
        "Ready",
        "Failed",
        "Stopping",
    }


def test_one_that_is_healthy_waits_for_the_kubelet() -> None:
    words = health(predictors.ready().describe("m"))
    assert words is not None
    found = said(rolled(Observed(isvc(), NOT_YET, (RUNS,), said={"p": words})))
    assert found[1] == Reason.MODEL_LOADING
    assert "the kubelet has not probed it" in found[2]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"reason": "Unheard-of", "detail": "x"}, Health(Reason.PODS_NOT_READY, "Unheard-of: x")),
        ({"reason": "Stopping", "detail": "x"}, Health(Reason.PODS_NOT_READY, "Stopping: x")),
        ({"reason": "OOMKilled", "detail": "x"}, Health(Reason.PODS_NOT_READY, "OOMKilled: x")),
        ({"reason": "SampleFailed", "detail": "y" * 9000}, Health(Reason.SAMPLE_FAILED, "y" * 1499 + "…")),
        ({"reason": 5, "detail": "x"}, None),
        ({"reason": "SampleFailed"}, None),
        ({"detail": "Not Found"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_what_is_not_a_health_of_ours_is_no_cause(body: Manifest | None, words: Health | None) -> None:
    assert health(body) == words


def test_a_predictor_that_says_nothing_leaves_a_hint() -> None:
    found = said(rolled(Observed(isvc(), NOT_YET, (RUNS,))))
    assert found[1] == Reason.PODS_NOT_READY
    assert "`kubectl logs p`" in found[2]
    assert "NetworkPolicy" in found[2]


def test_a_predictor_s_cause_counts_for_more_than_an_older_crash() -> None:
    again = unready(container(last={"terminated": {"exitCode": 2}}, running={"startedAt": "t"}))
    words = {"p": Health(Reason.SCHEMA_MISMATCH, "x")}
    assert said(rolled(Observed(isvc(), NOT_YET, (again,))))[1] == Reason.CRASH_LOOP_BACK_OFF
    assert said(rolled(Observed(isvc(), NOT_YET, (again,), said=words)))[1] == Reason.SCHEMA_MISMATCH


def test_the_old_version_serves_while_the_new_one_fails_and_then_it_is_rolled_back() -> None:
    """A failed rollout of three replicas and the way back, as the Deployment counts them."""
    intents = {name: Intent(name, 3, True, STRATEGY) for name in ("old", "new")}
    serving = tuple(pod("old", ready=True, name=f"o{number}") for number in range(3))
    bad = {**RUNS, "metadata": {**RUNS["metadata"], "name": "n"}}
    words = {"n": Health(Reason.SAMPLE_FAILED, "sample 1: expected 1, got 2")}
    rolling = Observed(
        isvc(PredictorReady="True"),
        deployment(wanted=3, updated=1, available=3, total=4),
        (*serving, bad),
        said=words,
    )
    status = rolled(rolling, intents["new"])
    assert said(status)[:2] == ("False", Reason.SAMPLE_FAILED)
    assert said(status, "Available") == (
        "True",
        Reason.SERVING,
        "3 of 4 replicas answer requests, not all of them of the newest generation",
    )
    assert status["readyReplicas"] == 0

    # the spec is as before: KServe has yet to notice, then the Deployment removes the bad pod
    assert said(rolled(rolling, intents["old"]))[:2] == ("False", Reason.ROLLOUT_IN_PROGRESS)
    going = {**bad, "metadata": {**bad["metadata"], "deletionTimestamp": "t"}}
    counts: Manifest = {"wanted": 3, "updated": 3, "available": 3}
    back = deployment(pod_hash="old", total=4, **counts)
    found = said(rolled(Observed(isvc(PredictorReady="True"), back, (*serving, going)), intents["old"]))
    assert found == (
        "False",
        Reason.ROLLOUT_IN_PROGRESS,
        "3 of 3 replicas of the newest generation serve, 1 of an older generation still there",
    )
    back = deployment(pod_hash="old", total=3, **counts)
    assert said(rolled(Observed(isvc(PredictorReady="True"), back, serving), intents["old"]))[0] == "True"


def test_a_rollout_counts_its_replicas_in_front_of_what_the_rest_does() -> None:
    three = Intent("new", 3, True, STRATEGY)
    pods = (pod(ready=True, name="a"), RUNS, pod("old", ready=True, name="o"))
    observed = Observed(
        isvc(PredictorReady="True"),
        deployment(wanted=3, updated=2, available=2, total=3),
        pods,
        said={"p": Health(Reason.MODEL_LOADING, "WarmingUp: trying")},
    )
    assert said(rolled(observed, three)) == (
        "False",
        Reason.MODEL_LOADING,
        "1 of 3 replicas of the newest generation serve, 1 of an older generation still there; pod p is not ready: WarmingUp: trying",
    )


INFO: Manifest = {
    "sha256": "a" * 64,
    "provider": "CPUExecutionProvider",
    "inputs": [{"name": "x", "type": "float32", "shape": [-1, 4], "description": "d", "required": False}],
    "outputs": [{"name": "y", "type": "float32", "shape": []}],
    "batching": {"curve": [{"batch": 1, "milliseconds": 0.25, "per_second": 4000.0}, {"batch": 8, "milliseconds": 1}]},
}
EXAMPLE: Manifest = {"text": "it's $HOME", "x": [0.5]}


def openapi(example: object) -> Manifest:
    content = {"application/json": {"schema": {}, "example": example}}
    return {"paths": {"/predict": {"post": {"requestBody": {"content": content}}}}}


def known(example: object = EXAMPLE) -> Described:
    found = described(INFO, openapi(example))
    assert found is not None
    return found


def test_the_model_is_told_as_the_predictor_describes_it() -> None:
    status = rolled(Observed(isvc(PredictorReady="True"), deployment(), SERVES, described=known()))
    assert status["model"] == {
        "sha256": "a" * 64,
        "inputs": [{"name": "x", "type": "float32", "shape": [-1, 4]}],
        "outputs": [{"name": "y", "type": "float32", "shape": []}],
        "provider": "CPUExecutionProvider",
        "batchCurve": {"1": 0.25, "8": 1},
    }


@pytest.mark.parametrize(
    ("url", "base"),
    [("http://m-ns.example.com", "http://m-ns.example.com"), (None, "http://m-predictor.ns.svc.cluster.local")],
)
def test_the_example_is_a_command_of_a_shell(url: str | None, base: str) -> None:
    observed = Observed(
        isvc(url, PredictorReady="True"), deployment(), SERVES, frozenset({"m-ns.example.com"}), described=known()
    )
    command = shlex.split(rolled(observed)["example"])
    assert command[:3] == ["curl", "-sS", f"{base}/predict"]
    assert json.loads(command[command.index("-d") + 1]) == EXAMPLE
    assert command[command.index("-H") + 1] == "Content-Type: application/json"


def test_the_example_of_a_model_with_keys_sends_one_and_no_older_one_stays() -> None:
    keyed = replace(INTENT, keyed=True, public=False)
    described = Observed(isvc(PredictorReady="True"), deployment(), SERVES, described=known())
    sent = rolled(described, keyed)["example"]
    assert '-H "X-API-Key: $API_KEY"' in sent
    unknown = replace(described, described=None)
    assert rolled(unknown, keyed, example=sent)["example"] == sent
    assert "example" not in rolled(unknown, keyed, example="curl -sS http://m/predict -d 1")
    assert "example" not in rolled(unknown, INTENT, example=sent)


def test_the_address_of_pods_that_speak_tls() -> None:
    """KServe's Service has port 80 for whatever the pods speak, and KServe says http:// always."""
    observed = Observed(isvc(PredictorReady="True"), deployment(), SERVES)
    plain = rolled(observed)["address"]["url"]
    assert plain.startswith("http://")
    host = plain.removeprefix("http://")
    assert rolled(observed, replace(INTENT, tls=True))["address"]["url"] == f"https://{host}:80"


def test_an_example_that_nobody_would_read_is_left_out() -> None:
    for example in ({"x": "y" * MAX_BODY}, None, ["no", "object"]):
        observed = Observed(isvc(PredictorReady="True"), deployment(), SERVES, described=known(example))
        assert "example" not in rolled(observed)


def test_what_was_known_stays_until_the_next_predictor_tells() -> None:
    """A restart of the operator, and a rollout, change nothing in it."""
    first = rolled(Observed(isvc(PredictorReady="True"), deployment(), SERVES, described=known()))
    again = rolled(Observed(isvc(PredictorReady="True"), deployment(), SERVES), **first)
    assert again == first
    loading = rolled(Observed(isvc(), NOT_YET, (RUNS,)), **first)
    assert (loading["model"], loading["example"]) == (first["model"], first["example"])
    assert "model" not in rolled(Observed(isvc(), NOT_YET, (RUNS,)), model={"sha256": 5, "of": "an older schema"})


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"loaded": False, "name": "m"},
        INFO | {"sha256": 5},
        INFO | {"sha256": "a" * 65},
        INFO | {"inputs": [{"name": "x", "type": "float32", "shape": ["batch"]}]},
        INFO | {"inputs": [INFO["inputs"][0]] * 65},
    ],
)
def test_an_info_that_is_none_of_ours_tells_nothing(body: Manifest | None) -> None:
    assert described(body, openapi(EXAMPLE)) is None


@pytest.mark.parametrize("batching", [None, [], {}, {"curve": []}, {"curve": ["x"]}, {"curve": [{"batch": 1}]}])
def test_a_model_without_a_curve_has_none(batching: object) -> None:
    found = described(INFO | {"batching": batching}, None)
    assert found is not None
    assert (found.model.batch_curve, found.example) == (None, None)
