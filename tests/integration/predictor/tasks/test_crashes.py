"""Nothing that was accepted is lost, whoever is killed: predictors by SIGKILL, Redis by SIGKILL, a disk that is full."""

import os
import random
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from batchinglab import spinning_graph
from predictorserver import PROGRAM
from redisserver import RedisServer, redis_server
from testcluster.ports import free_ports
from testcluster.processes import tied
from testcluster.waiting import SOON, eventually

TASKS, KILLS = int(os.environ.get("GPUX_CRASH_TASKS", "400")), int(os.environ.get("GPUX_CRASH_KILLS", "6"))
"""The acceptance's 2,000 and 20 are given by these variables."""


@dataclass
class Predictor:
    """A predictor that is started again whenever it is killed."""

    command: list[str]
    url: str
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            environment = {**os.environ, **self.environment}
            self.process = subprocess.Popen(tied(self.command), stdout=log, stderr=log, env=environment)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def healthy(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=2).status_code == 200
        return False

    def wait_ready(self) -> None:
        eventually(self.healthy, SOON, f"the predictor is ready: {self.log.read_text()[-2000:]}")


@contextmanager
def predictors(folder: Path, count: int, redis: RedisServer | None, **tasks: Any) -> Iterator[list[Predictor]]:
    """Predictors of one model."""
    spinning_graph(folder / "model.onnx")
    store = {} if redis is None else {"store": "redis", "redisUrlSecretRef": {"name": "r"}}
    spec = {"model": {"source": {"uri": "file://."}}, "async": {"maxAttempts": 100, **store, **tasks}}
    body = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "crashing"}, "spec": spec}
    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump(body))
    found = []
    with ExitStack() as stack:
        for port in free_ports(count):
            command = [str(PROGRAM), "serve", str(path), "--port", str(port), "--state-dir", str(folder / "state")]
            environment = {} if redis is None else {"GPUX_REDIS_URL": redis.url}
            made = Predictor(command, f"http://127.0.0.1:{port}", folder / f"{port}.log", environment)
            made.start()
            stack.callback(made.kill)
            found.append(made)
        for predictor in found:
            predictor.wait_ready()
        yield found


class Client:
    """Submits tasks, some with a key that it sends again when it got no answer, and polls them until each has ended."""

    def __init__(self, urls: list[str], http: httpx.Client) -> None:
        self._urls = urls
        self._http = http
        self.accepted: dict[str, float] = {}
        self.ended: dict[str, dict[str, Any]] = {}

    def submit(self, count: int) -> None:
        for i in range(count):
            value, key = 3000.0 + i % 1000, secrets.token_hex(8)
            while not self._submitted(value, {"Idempotency-Key": key} if i % 2 else {}):
                time.sleep(0.05)

    def _submitted(self, value: float, headers: dict[str, str]) -> bool:
        """Whether the task was accepted; one without a key that got no answer is given up: it may be there or not."""
        with suppress(httpx.HTTPError):
            answer = self._http.post(
                f"{random.choice(self._urls)}/predict/async", json={"x": [[value]]}, headers=headers
            )
            if answer.status_code == 202:
                self.accepted[answer.json()["task_id"]] = value
                return True
            assert answer.status_code in {429, 503}, answer.text
            return False
        return False

    def poll(self, seconds: float) -> None:
        """Polls every accepted task until it has ended; what has ended must stay as it is."""
        until = time.monotonic() + seconds
        while len(self.ended) < len(self.accepted) and time.monotonic() < until:
            for task_id in [i for i in list(self.accepted) if i not in self.ended]:
                with suppress(httpx.HTTPError):
                    answer = self._http.get(f"{random.choice(self._urls)}/monitoring/task_status/{task_id}")
                    if answer.status_code == 200 and answer.json()["status"] != "pending":
                        self.ended[task_id] = answer.json()
                    else:
                        assert answer.status_code in {200, 503}, answer.text
        assert set(self.accepted) <= set(self.ended), f"{len(self.accepted) - len(self.ended)} tasks have not ended"

    def check(self) -> None:
        for task_id, value in self.accepted.items():
            found = self._http.get(f"{self._urls[0]}/monitoring/task_status/{task_id}").json()
            assert found == self.ended[task_id], "an end has changed"
            assert found["status"] == "success", found
            assert found["result"] == {"y": [[value]]}


def run(found: list[Predictor], harm: Any) -> None:
    """Submits and polls while harm is done."""
    with httpx.Client(timeout=10) as http:
        _run(Client([predictor.url for predictor in found], http), found, harm)


def _run(client: Client, found: list[Predictor], harm: Any) -> None:
    submitting = threading.Thread(target=client.submit, args=(TASKS,))
    submitting.start()
    harm(submitting)
    submitting.join(timeout=300)
    assert not submitting.is_alive()
    assert len(client.accepted) >= TASKS
    for predictor in found:
        predictor.wait_ready()
    client.poll(120)
    client.check()


def kill_some(found: list[Predictor]) -> Any:
    rng = random.Random(5)

    def harm(submitting: threading.Thread) -> None:
        for _ in range(KILLS):
            victim = rng.choice(found)
            time.sleep(rng.uniform(0.2, 1.2))
            victim.kill()
            victim.start()
            if not submitting.is_alive() or len(found) == 1:
                victim.wait_ready()

    return harm


@pytest.mark.timeout(600)
def test_a_predictor_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    with predictors(tmp_path, 1, None) as found:
        run(found, kill_some(found))


@pytest.mark.timeout(600)
def test_two_predictors_on_redis_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, predictors(tmp_path, 2, redis) as found:
        run(found, kill_some(found))


@pytest.mark.timeout(600)
def test_a_redis_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    def harm(_: threading.Thread) -> None:
        for _kill in range(3):
            time.sleep(0.7)
            redis.kill()
            time.sleep(0.5)
            redis.start()

    with redis_server(tmp_path) as redis, predictors(tmp_path, 2, redis) as found:
        run(found, harm)


def test_a_task_that_kills_its_predictor_takes_no_other_with_it(tmp_path: Path) -> None:
    """Killed each time that it runs: the task fails with the reason, those that ran beside it the first time succeed."""
    with predictors(tmp_path, 1, None, maxAttempts=3, listed=True) as found:
        [predictor] = found
        submit = f"{predictor.url}/predict/async"

        def runs(attempt: int) -> bool:
            tasks = httpx.get(f"{predictor.url}/monitoring/tasks").json()["tasks"]
            return any(t["task_id"] == poison and (t["running"], t["attempts"]) == (True, attempt) for t in tasks)

        poison = httpx.post(submit, json={"x": [[1e10]]}).json()["task_id"]
        others = [httpx.post(submit, json={"x": [[300_000.0]]}).json()["task_id"] for _ in range(4)]
        for attempt in (1, 2, 3):
            eventually(lambda: runs(attempt), SOON, f"it runs for the {attempt}. time")  # noqa: B023
            predictor.kill()
            predictor.start()
            predictor.wait_ready()
        status = f"{predictor.url}/monitoring/task_status"
        failed = httpx.get(f"{status}/{poison}", params={"wait": 20}, timeout=30).json()
        assert failed["status"] == "failure"
        assert failed["error"] == (
            "The predictor died or was cut off 3 times while this task ran (spec.async.maxAttempts: 3)"
        )
        for task_id in others:
            found_ = httpx.get(f"{status}/{task_id}", params={"wait": 30}, timeout=40).json()
            assert found_["status"] == "success", found_


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="a small disk needs root and mount")
def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(state)], check=False).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        with predictors(tmp_path, 1, None, maxStored="1Gi") as found:
            [predictor] = found
            body = {"x": [[i / 7e5] for i in range(20_000)]}
            accepted: list[httpx.Response] = []
            refused: list[httpx.Response] = []
            for _ in range(30):
                answer = httpx.post(f"{predictor.url}/predict/async", json=body, timeout=30)
                (accepted if answer.status_code == 202 else refused).append(answer)
            assert accepted
            assert refused, "eight megabytes hold thirty bodies of 400 KB?"
            assert {answer.status_code for answer in refused} <= {503, 507}
            assert "nothing that was accepted is lost" in refused[-1].json()["detail"]
            # no room is made by anybody: the tasks themselves have to get on
            for answer in accepted:
                url = f"{predictor.url}{answer.json()['status_url']}"
                ended = httpx.get(url, params={"wait": 30}, timeout=40).json()
                assert ended["status"] == "success", ended
                assert len(ended["result"]["y"]) == 20_000
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)
