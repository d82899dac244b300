"""What follows each way a pass can end."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.operator.conftest import FakeApi

from gpux_operator.adapters.logs import JsonFormatter
from gpux_operator.build.inference_service import Images, Platform
from gpux_operator.engine.echoes import Echoes
from gpux_operator.engine.outcome import Outcome
from gpux_operator.engine.queue import Key, KeyQueue
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.engine.recorder import Recorder
from gpux_operator.engine.workers import FAILURES_BEFORE_REPORT, Workers
from gpux_operator.kube.api import GPUX_MODELS, Resource
from gpux_operator.kube.errors import Conflict, NotFound, TooManyRequests, Transient

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.unit.operator.conftest import FakePredictors

KEY = Key("ns", "m")


class Scripted:
    def __init__(self, *script: Outcome | Exception) -> None:
        self.script = list(script)
        self.reported: list[str] = []

    def reconcile(self, key: Key) -> Outcome:
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def report_failure(self, key: Key, error: Exception, changed: Callable[[], None]) -> None:
        self.reported.append(str(error))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> KeyQueue:
    return KeyQueue(clock, lambda: 1.0)


def test_a_success_is_not_repeated_unless_it_asks(queue: KeyQueue, clock: Clock) -> None:
    workers = Workers(queue, Scripted(Outcome("ready"), Outcome("problem", retry_seconds=60)))
    workers.run(KEY)
    clock.now += 1000
    assert queue.get(block=False) is None
    workers.run(KEY)
    clock.now += 61
    assert queue.get(block=False) == KEY


def test_failures_are_told_from_the_third_on(queue: KeyQueue, clock: Clock) -> None:
    scripted = Scripted(*[Transient("down")] * 3, Outcome("ready"), Transient("down"))
    results: list[str] = []
    workers = Workers(queue, scripted, lambda result, seconds: results.append(result))
    for count in range(5):
        workers.run(KEY)
        assert scripted.reported == (["down"] if count >= 2 else [])
    assert results == ["error", "error", "error", "ready", "error"]


def test_the_server_s_pause_is_kept(queue: KeyQueue, clock: Clock) -> None:
    Workers(queue, Scripted(TooManyRequests("slow down", 7))).run(KEY)
    clock.now += 6.9
    assert queue.get(block=False) is None
    clock.now += 0.2
    assert queue.get(block=False) == KEY


def test_a_version_that_is_not_the_newest_is_no_failure(
    queue: KeyQueue, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    scripted = Scripted(*[Conflict("changed")] * 3)
    for _ in range(3):
        Workers(queue, scripted).run(KEY)
    assert scripted.reported == []
    assert {record.levelname for record in caplog.records} <= {"INFO"}
    clock.now += 1
    assert queue.get(block=False) == KEY


def test_a_bug_is_logged_with_its_traceback_and_tried_again(
    queue: KeyQueue, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    workers = Workers(queue, Scripted(ZeroDivisionError("oops")))
    workers.run(KEY)
    assert "ZeroDivisionError" in caplog.text
    clock.now += 1
    assert queue.get(block=False) == KEY


def test_a_failing_report_does_no_harm(queue: KeyQueue) -> None:
    class Broken(Scripted):
        def report_failure(self, key: Key, error: Exception, changed: Callable[[], None]) -> None:
            raise Transient("still down")

    workers = Workers(queue, Broken(*[Transient("down")] * 3))
    for _ in range(3):
        workers.run(KEY)


class EchoingApi(FakeApi):
    """Tells what is read and written of models, as the client does."""

    def __init__(self, echoes: Echoes) -> None:
        super().__init__()
        self.echoes = echoes

    def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        found = super().get(resource, namespace, name)
        self.echoes.add(found["metadata"].get("resourceVersion", ""))
        return found

    def apply_status(self, resource: Resource, desired: dict[str, Any]) -> dict[str, Any]:
        stored = super().apply_status(resource, desired)
        self.echoes.add(stored["metadata"]["resourceVersion"])
        return stored


@pytest.mark.parametrize(
    ("down", "corrected"),
    [({"apply"}, True), ({"apply"}, False), ({"apply", "apply_status"}, True), ({"apply", "apply_status"}, False)],
)
def test_what_only_the_report_of_a_failure_read_gets_a_pass(
    down: set[str],
    corrected: bool,
    key: Key,
    manifest: dict[str, Any],
    images: Images,
    asking: FakePredictors,
    now: datetime,
    clock: Clock,
) -> None:
    """The user corrects the spec while the pass that is the third to fail waits for an answer."""
    echoes = Echoes()
    api, queue = EchoingApi(echoes), KeyQueue(clock, lambda: 1.0, echoes)
    api.store(GPUX_MODELS, manifest, "user")
    spec = {"model": {"source": {"uri": "s3://models/another"}}}

    def fail(number: int, verb: str) -> None:
        if verb not in down:
            return
        if verb == "apply" and corrected and turn == FAILURES_BEFORE_REPORT:
            stored = api.store(GPUX_MODELS, {**manifest, "spec": spec}, "user")
            queue.add(key, stored["metadata"]["resourceVersion"])
        raise Transient("down")

    api.before = fail
    reconciler = Reconciler(api, Platform(images), Recorder(api, "test", lambda: now), asking.predictors(), lambda: now)
    workers = Workers(queue, reconciler)
    queue.add(key)
    for turn in range(1, FAILURES_BEFORE_REPORT + 1):  # noqa: B007  (read by `fail`)
        clock.now += 1
        assert queue.get(block=False) == key
        workers.run(key)
        queue.done(key)
    assert queue.get(block=False) == (key if corrected else None), "else the backoff counts"


def test_threads_work_off_the_queue_and_end(queue: KeyQueue) -> None:
    workers = Workers(queue, Scripted(Outcome("ready")))
    workers.start(2)
    queue.add(KEY)
    while len(queue):
        pass
    assert workers.alive()
    queue.close()
    workers.join(5)
    assert not workers.alive()
    assert workers.longest_pass() == 0


def test_each_pass_is_one_line_of_json(queue: KeyQueue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Workers(queue, Scripted(Outcome("ready", "NewestGenerationServes", None, "uid", 3))).run(KEY)
    (record,) = caplog.records
    line = json.loads(JsonFormatter().format(record))
    assert {"namespace": "ns", "name": "m", "uid": "uid", "generation": 3, "result": "ready"}.items() <= line.items()
    assert line["duration_seconds"] >= 0
    assert line["level"] == "info"


def test_the_queue_remembers_nothing_of_a_model_that_is_gone(queue: KeyQueue, clock: Clock) -> None:
    """Its namespace ended amid its passes."""
    ways: list[Outcome | Exception] = [
        Outcome("deleting", retry_seconds=30),
        NotFound("the namespace"),
        Conflict("changed"),
        Outcome("gone"),
    ]
    for way in ways:
        queue.add(KEY, "an event")
        assert queue.get(block=False) == KEY
        Workers(queue, Scripted(way)).run(KEY)
        queue.done(KEY)
    clock.now += 31  # what was put off comes once more
    assert queue.get(block=False) == KEY
    Workers(queue, Scripted(Outcome("gone"))).run(KEY)
    queue.done(KEY)
    assert queue.get(block=False) is None
    left = (queue._ready, queue._idle, queue._running, queue._again, queue._due, queue._later, queue._failures)
    assert not any(left), left
