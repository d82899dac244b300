"""Asking predictors: beside the passes, as often as it is worth, with no write that says nothing new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.operator.test_predictor_words import INFO, openapi

from gpux_operator.build.inference_service import Platform
from gpux_operator.engine.predictors import FIRST_SECONDS, MOST_PODS
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.engine.recorder import Recorder
from gpux_operator.kube.api import EVENTS, GPUX_MODELS, PODS

if TYPE_CHECKING:
    from tests.unit.operator.conftest import FakeApi, FakePredictors

    from gpux_operator.build.inference_service import Images
    from gpux_operator.engine.queue import Key

Manifest = dict[str, Any]
FAILED = {"status": "unhealthy", "model": "m", "reason": "SampleFailed", "detail": "sample 1: expected 1, got 2"}
LOADING = {"status": "unhealthy", "model": "m", "reason": "Loading", "detail": "loading s3://b/m"}
FIRST = "http://10.0.0.1:8080"


class Lab:
    """A model whose pods run, and an operator that can ask them."""

    def __init__(self, api: FakeApi, key: Key, asking: FakePredictors, images: Images) -> None:
        self.api, self.key, self.asking, self.images = api, key, asking, images
        self.time = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.restart()

    def restart(self) -> None:
        """Another process of the operator."""
        recorder = Recorder(self.api, "test", lambda: self.time)
        self.predictors = self.asking.predictors()
        self.reconciler = Reconciler(self.api, Platform(self.images), recorder, self.predictors, lambda: self.time)

    def run(self, ready: bool = False, started: str = "2030-01-02T03:04:04Z") -> None:
        """KServe and a kubelet bring all pods up."""
        self.api.kserve_and_kubelet(self.key, ready)
        for number, pod in enumerate(self.api.of(PODS), 1):
            ports = [{"containerPort": 8080}, {"containerPort": 8081}]
            pod["metadata"]["uid"] = f"uid-{number}"
            pod["spec"] = {"containers": [{"name": "kserve-container", "ports": ports}]}
            state = {"running": {"startedAt": started}}
            pod["status"] |= {
                "podIP": f"10.0.0.{number}",
                "containerStatuses": [{"name": "kserve-container", "state": state, "restartCount": 0}],
            }

    def look(self) -> tuple[str, str, float | None]:
        """A pass, what Ready says after it, and when the next one is due."""
        outcome = self.reconciler.reconcile(self.key)
        conditions = self.api.model(self.key)["status"]["conditions"]
        ready = next(item for item in conditions if item["type"] == "Ready")
        return ready["reason"], ready["message"], outcome.retry_seconds

    def pass_seconds(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.asking.now += seconds

    def events(self, reason: str) -> list[int]:
        return [event["count"] for event in self.api.of(EVENTS) if event["reason"] == reason]


@pytest.fixture
def lab(api: FakeApi, key: Key, manifest: Manifest, asking: FakePredictors, images: Images) -> Lab:
    api.store(GPUX_MODELS, manifest, "user")
    lab = Lab(api, key, asking, images)
    lab.look()
    lab.run()
    api.calls.clear()
    return lab


def test_a_pass_never_waits_and_leaves_the_status_to_the_answer(lab: Lab, asking: FakePredictors) -> None:
    asking.answers[FIRST, "/health"] = FAILED
    assert lab.look() == ("WaitingForKServe", lab.look()[1], 2.0)
    assert asking.asked == [], "only a thread of the pool does"
    assert lab.api.writes == [], "PodsNotReady would be said for a moment only"
    assert len(asking.jobs) == 1, "two passes ask once"
    asking.run_jobs()
    assert (asking.asked, asking.woken) == ([(FIRST, "/health")], [lab.key])
    assert lab.look()[0] == "SampleFailed"
    assert lab.events("SampleFailed") == [1]
    assert lab.events("PodsNotReady") == []


def test_a_restart_of_the_operator_tells_nothing_twice(lab: Lab, asking: FakePredictors) -> None:
    asking.answers[FIRST, "/health"] = FAILED
    lab.look()
    asking.run_jobs()
    lab.look()
    lab.restart()
    lab.api.calls.clear()
    lab.look()
    asking.run_jobs()
    assert lab.look()[0] == "SampleFailed"
    assert lab.api.writes == []


def test_one_that_cannot_be_reached_costs_the_status_a_moment(lab: Lab, asking: FakePredictors) -> None:
    lab.look()
    lab.pass_seconds(FIRST_SECONDS)
    reason, message, again = lab.look()
    assert (reason, again) == ("PodsNotReady", 2.0)
    assert "NetworkPolicy" in message
    asking.run_jobs()
    asking.woken.clear()
    lab.api.calls.clear()
    lab.pass_seconds(100)
    lab.look()
    asking.run_jobs()
    assert asking.woken == [], "silence again is no news"
    assert lab.api.writes == []


def test_it_looks_again_and_less_and_less_often(lab: Lab, asking: FakePredictors) -> None:
    asking.answers[FIRST, "/health"] = LOADING
    lab.look()
    asking.run_jobs()
    pauses = []
    for _ in range(30):
        pause = lab.look()[2]
        assert pause is not None
        pauses.append(pause)
        lab.pass_seconds(pause)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (2.0, 60.0)
    asking.run_jobs()
    assert lab.look()[0] == "ModelLoading"
    asking.answers[FIRST, "/health"] = FAILED
    lab.pass_seconds(60)
    lab.look()
    asking.woken.clear()
    asking.run_jobs()
    assert asking.woken == [lab.key]
    assert lab.look()[0] == "SampleFailed"


def test_passes_that_follow_each_other_closely_ask_once(lab: Lab, asking: FakePredictors) -> None:
    asking.answers[FIRST, "/health"] = LOADING
    for _ in range(5):
        lab.look()
        asking.run_jobs()
    assert len(asking.asked) == 1


def test_one_that_misses_a_moment_is_taken_at_its_last_word(lab: Lab, asking: FakePredictors) -> None:
    asking.answers[FIRST, "/health"] = LOADING
    lab.look()
    asking.run_jobs()
    lab.look()
    del asking.answers[FIRST, "/health"]
    lab.api.calls.clear()
    lab.pass_seconds(2)
    lab.look()
    asking.run_jobs()
    assert len(asking.asked) == 2
    assert lab.look()[0] == "ModelLoading"
    assert lab.api.writes == []


def test_another_start_of_the_container_is_asked_anew(lab: Lab, asking: FakePredictors) -> None:
    asking.answers[FIRST, "/health"] = FAILED
    lab.look()
    asking.run_jobs()
    assert lab.look()[0] == "SampleFailed"
    lab.run(started="2030-01-02T03:04:30Z")
    asking.answers[FIRST, "/health"] = LOADING
    lab.look()
    asking.run_jobs()
    assert lab.look()[0] == "ModelLoading"


def test_of_many_pods_some_are_asked(lab: Lab, manifest: Manifest, asking: FakePredictors) -> None:
    manifest["spec"]["serving"] = {"replicas": {"min": 9}}
    lab.api.store(GPUX_MODELS, manifest, "user")
    lab.look()
    lab.run()
    lab.look()
    asking.run_jobs()
    assert len({address for address, _ in asking.asked}) == MOST_PODS


def test_a_pod_without_an_address_or_a_running_container_is_not_asked(lab: Lab, asking: FakePredictors) -> None:
    (pod,) = lab.api.of(PODS)
    whole = {**pod["status"]}
    for missing in ("podIP", "containerStatuses"):
        pod["status"] = {name: value for name, value in whole.items() if name != missing}
        assert lab.look()[::2] == ("PodsNotReady", None)
    assert asking.jobs == []


def test_an_ipv6_pod_is_asked_in_brackets(lab: Lab, asking: FakePredictors) -> None:
    lab.api.of(PODS)[0]["status"]["podIP"] = "fd00::7"
    lab.look()
    asking.run_jobs()
    assert asking.asked == [("http://[fd00::7]:8080", "/health")]


def test_a_pod_that_speaks_tls_is_asked_over_it(lab: Lab, asking: FakePredictors) -> None:
    container = lab.api.of(PODS)[0]["spec"]["containers"][0]
    container["readinessProbe"] = {"httpGet": {"path": "/health", "port": 8080, "scheme": "HTTPS"}}
    lab.look()
    asking.run_jobs()
    assert asking.asked == [("https://10.0.0.1:8080", "/health")]


KEYS: Manifest = {"apiKeys": {"secretRef": {"name": "callers"}}}


def test_a_model_that_only_keys_describe_is_not_asked_what_it_is(
    lab: Lab, manifest: Manifest, asking: FakePredictors
) -> None:
    serve(asking)
    lab.api.apply(GPUX_MODELS, {**manifest, "spec": {**manifest["spec"], "access": KEYS}})
    lab.look()
    lab.run(ready=True)
    lab.look()
    asking.run_jobs()
    assert lab.look()[0] == "NewestGenerationServes"
    assert asking.asked == []
    assert "model" not in lab.api.model(lab.key)["status"]


def test_what_a_model_was_is_not_said_of_one_that_only_keys_describe(
    lab: Lab, manifest: Manifest, asking: FakePredictors
) -> None:
    serve(asking)
    lab.run(ready=True)
    lab.api.isvc(lab.key)["status"]["address"] = {"url": "http://m.prod.svc"}
    lab.look()
    asking.run_jobs()
    lab.look()
    assert {"model", "example"} <= lab.api.model(lab.key)["status"].keys()
    lab.api.apply(GPUX_MODELS, {**manifest, "spec": {**manifest["spec"], "access": KEYS}})
    lab.look()
    assert not {"model", "example"} & lab.api.model(lab.key)["status"].keys()


def serve(asking: FakePredictors) -> None:
    asking.answers[FIRST, "/info"] = INFO
    asking.answers[FIRST, "/openapi.json"] = openapi({"x": [1]})


def test_a_model_is_read_once_for_each_start_of_its_predictor(
    lab: Lab, manifest: Manifest, asking: FakePredictors
) -> None:
    serve(asking)
    lab.run(ready=True)
    assert lab.look()[::2] == ("NewestGenerationServes", None)
    asking.run_jobs()
    assert asking.woken == [lab.key]
    lab.look()
    status = lab.api.model(lab.key)["status"]
    assert (status["model"]["sha256"], status["model"]["provider"]) == ("a" * 64, "CPUExecutionProvider")
    asked = len(asking.asked)
    lab.api.calls.clear()
    lab.pass_seconds(3600)
    lab.look()
    assert (len(asking.jobs), asked, lab.api.writes) == (0, 2, [])

    manifest["spec"]["model"]["version"] = "2"
    lab.api.store(GPUX_MODELS, manifest, "user")
    asking.answers[FIRST, "/info"] = INFO | {"sha256": "b" * 64}
    lab.look()
    assert lab.api.model(lab.key)["status"]["model"]["sha256"] == "a" * 64, "which serves until then"
    lab.run(ready=True)
    lab.look()
    asking.run_jobs()
    lab.look()
    assert lab.api.model(lab.key)["status"]["model"]["sha256"] == "b" * 64


def test_a_file_replaced_in_place_is_seen_by_the_next_start(lab: Lab, asking: FakePredictors) -> None:
    serve(asking)
    lab.run(ready=True)
    lab.look()
    asking.run_jobs()
    lab.look()
    asking.answers[FIRST, "/info"] = INFO | {"sha256": "b" * 64}
    lab.run(ready=True, started="2030-01-02T04:00:00Z")
    asking.woken.clear()
    lab.look()
    assert lab.api.model(lab.key)["status"]["model"]["sha256"] == "a" * 64, "until the new answer is there"
    asking.run_jobs()
    assert asking.woken == [lab.key]
    lab.look()
    assert lab.api.model(lab.key)["status"]["model"]["sha256"] == "b" * 64
    lab.api.of(PODS)[0]["metadata"]["uid"] = "another"
    asking.answers[FIRST, "/info"] = INFO | {"sha256": "c" * 64}
    lab.look()
    asking.run_jobs()
    lab.look()
    assert lab.api.model(lab.key)["status"]["model"]["sha256"] == "c" * 64


def test_of_many_ready_pods_one_is_read_and_no_start_twice(
    lab: Lab, manifest: Manifest, asking: FakePredictors
) -> None:
    serve(asking)
    asking.answers["http://10.0.0.2:8080", "/info"] = INFO
    manifest["spec"]["serving"] = {"replicas": {"min": 2}}
    lab.api.store(GPUX_MODELS, manifest, "user")
    lab.look()
    lab.run(ready=True)
    lab.look()
    asking.run_jobs()
    first, _ = lab.api.of(PODS)
    for status in ("False", "True", "False", "True"):
        first["status"]["conditions"] = [{"type": "Ready", "status": status}]
        lab.look()
        asking.run_jobs()
    described = [address for address, path in asking.asked if path == "/info"]
    assert described == [FIRST, "http://10.0.0.2:8080"], "each once, however often the first one is not ready"


def test_a_model_that_was_not_read_is_read_later(lab: Lab, asking: FakePredictors) -> None:
    lab.run(ready=True)
    lab.look()
    asking.run_jobs()
    lab.look()
    assert asking.jobs == [], "not at once"
    assert "model" not in lab.api.model(lab.key)["status"]
    serve(asking)
    lab.pass_seconds(61)
    lab.look()
    asking.run_jobs()
    lab.look()
    assert "model" in lab.api.model(lab.key)["status"]


def test_a_bug_in_reading_an_answer_is_logged_and_no_end(
    lab: Lab, asking: FakePredictors, caplog: pytest.LogCaptureFixture
) -> None:
    asking.answers[FIRST, "/health"] = ["no", "mapping"]  # type: ignore[assignment]  # which the real fetch never gives
    lab.look()
    asking.run_jobs()
    assert "bug: the answer about ('prod', 'sentiment', 'uid-1'" in caplog.text
    assert lab.look()[0] == "PodsNotReady"
    asking.answers[FIRST, "/health"] = FAILED
    lab.pass_seconds(2)
    lab.look()
    asking.run_jobs()
    assert lab.look()[0] == "SampleFailed"


def test_what_is_known_of_a_model_goes_with_it(lab: Lab, asking: FakePredictors) -> None:
    asking.answers[FIRST, "/health"] = FAILED
    lab.look()
    del lab.api.objects[GPUX_MODELS, lab.key.namespace, lab.key.name]
    assert lab.reconciler.reconcile(lab.key).result == "gone"
    asking.run_jobs()  # whose answer comes too late
    lab.api.calls.clear()
    assert lab.reconciler.reconcile(lab.key).result == "gone"
    assert len(lab.predictors) == 0
