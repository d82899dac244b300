"""Tasks over HTTP: the routes of a real server, with each store."""

import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import pictures
from batchinglab import spinning_graph
from predictorserver import Server, serve
from redisserver import RedisServer
from testcluster.waiting import SOON, eventually

EXAMPLES = Path(__file__).parents[4] / "examples"
SLOW = [[20_000.0]]
"""A run of tens of milliseconds."""
BACKLOG = [[200_000.0]]
"""One that takes longer than a submission, wherever that is stored."""
ENDLESS = [[1e10]]
"""One of hours."""
Serve = Callable[..., "ExitStack"]


def manifest(folder: Path, **spec: Any) -> Path:
    """A manifest for the graph in the folder."""
    model = {"model": {"source": {"uri": "file://."}}, **spec}
    name = f"spin-{secrets.token_hex(4)}"  # one Redis serves all tests
    body = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": name}, "spec": model}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(body))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spin")
    spinning_graph(folder / "model.onnx")
    return folder


@contextmanager
def spinning(folder: Path, *arguments: str, tasks: dict[str, Any] | None = None, **options: Any) -> Iterator[Server]:
    path = manifest(folder, **({} if tasks is None else {"async": tasks}), **options.pop("spec", {}))
    with serve(path, *arguments, **options) as server:
        yield server


@pytest.fixture(params=["embedded", "redis"])
def spin(
    request: pytest.FixtureRequest, folder: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    tasks: dict[str, Any] = {"listed": True}
    if request.param == "redis":
        monkeypatch.setenv("GPUX_REDIS_URL", redis.url)
        tasks |= {"store": "redis", "redisUrlSecretRef": {"name": "redis"}}
    with spinning(folder, tasks=tasks, spec={"serving": {}}) as server:
        yield server


def submit(server: Server, body: Any, **headers: str) -> str:
    answer = server.http.post("/predict/async/", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def outcome(server: Server, task_id: str, seconds: float = 60) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while True:
        left = max(0.0, until - time.monotonic())
        answer = server.http.get(f"/monitoring/task_status/{task_id}", params={"wait": min(left, 20)})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        if found["status"] != "pending":
            return found
        assert time.monotonic() < until, "the task does not end"


def test_a_task_ends_with_what_predict_answers(spin: Server) -> None:
    answer = spin.http.post("/predict/async", json={"x": [[3.0]]})
    found = answer.json()
    where = f"/monitoring/task_status/{found['task_id']}"
    assert answer.status_code == 202
    assert found == {"task_id": found["task_id"], "status": "submitted", "status_url": where}
    assert answer.headers["location"] == where
    assert int(answer.headers["queue-position"]) >= 0
    ended = outcome(spin, found["task_id"])
    assert ended == {
        "task_id": found["task_id"],
        "status": "success",
        "result": spin.http.post("/predict", json={"x": [[3.0]]}).json(),
    }


def test_a_body_that_predict_refuses_is_refused_with_the_same_words(spin: Server) -> None:
    for content, kind in (
        (b'{"x": "no"}', "application/json"),
        (b"{", "application/json"),
        (b'{"y": [1]}', "application/json"),
        (b"text", "text/plain"),
        (b"", "application/json"),
    ):
        headers = {"Content-Type": kind}
        sync = spin.http.post("/predict", content=content, headers=headers)
        task = spin.http.post("/predict/async/", content=content, headers=headers)
        assert (task.status_code, task.json()) == (sync.status_code, sync.json())
        assert 400 <= task.status_code < 500


def test_a_run_that_refuses_its_values_fails_the_task(spin: Server) -> None:
    ended = outcome(spin, submit(spin, {"x": [[-1.0]]}))
    sync = spin.http.post("/predict", json={"x": [[-1.0]]})
    assert ended["status"] == "failure"
    assert ended["error"] == sync.json()["detail"]


def test_polls_wait_without_a_thread(spin: Server) -> None:
    """More polls than any pool has threads wait for one task, and health answers beside them."""
    task_id = submit(spin, {"x": ENDLESS})
    with ThreadPoolExecutor(100) as pool, httpx.Client(base_url=spin.http.base_url, timeout=60) as client:
        polls = [pool.submit(client.get, f"/monitoring/task_status/{task_id}?wait=50") for _ in range(100)]
        time.sleep(0.5)
        assert spin.http.get("/health").status_code == 200
        assert not any(poll.done() for poll in polls), "all of them were waiting beside it"
        spin.http.delete(f"/monitoring/task_status/{task_id}")
        answers = [poll.result().json() for poll in polls]
    assert {answer["error"] for answer in answers} == {"Cancelled by DELETE"}


def test_a_poll_that_does_not_wait_says_pending_and_when_to_come_back(spin: Server) -> None:
    task_id = submit(spin, {"x": ENDLESS})
    answer = spin.http.get(f"/monitoring/task_status/{task_id}")
    assert answer.json() == {"task_id": task_id, "status": "pending"}
    assert answer.headers["retry-after"] == "1"
    for wrong in ("-1", "61", "x", "nan", "inf"):
        answer = spin.http.get(f"/monitoring/task_status/{task_id}", params={"wait": wrong})
        assert (answer.status_code, answer.json()["detail"][:12]) == (400, "Invalid wait")


def test_unknown_tasks_are_not_found(spin: Server) -> None:
    for method in ("GET", "DELETE"):
        answer = spin.http.request(method, "/monitoring/task_status/abc-123-def-456")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Unknown task: 'abc-123-def-456'"})
    assert spin.http.post("/monitoring/task_status/abc").status_code == 405


def test_cancelling_stops_what_runs_and_what_waits(spin: Server) -> None:
    running = [submit(spin, {"x": ENDLESS}) for _ in range(2)]  # as many as run at a time
    eventually(lambda: spin.http.get("/monitoring/queue").json()["running"] == 2, SOON, "both are taken up")
    waiting = [submit(spin, {"x": SLOW}) for _ in range(3)]
    for task_id in (waiting[1], *running):
        answer = spin.http.delete(f"/monitoring/task_status/{task_id}")
        assert (answer.status_code, answer.json()["status"]) == (200, "failure")
        assert answer.json()["error"] == "Cancelled by DELETE"
    assert outcome(spin, waiting[2])["status"] == "success"
    assert outcome(spin, waiting[0])["status"] == "success"
    assert spin.http.delete(f"/monitoring/task_status/{waiting[0]}").json()["status"] == "success"


def test_one_key_is_one_task(spin: Server) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    first = submit(spin, {"x": [[1.0]]}, **key)
    assert submit(spin, {"x": [[1.0]]}, **key) == first
    answer = spin.http.post("/predict/async/", json={"x": [[2.0]]}, headers=key)
    assert (answer.status_code, answer.json()["detail"][:15]) == (422, "Idempotency-Key")
    too_long = spin.http.post("/predict/async/", json={"x": [[2.0]]}, headers={"Idempotency-Key": "k" * 256})
    assert too_long.status_code == 400


def test_tasks_are_listed_in_pages(spin: Server) -> None:
    ids = [submit(spin, {"x": [[float(i)]]}) for i in range(5)]
    for task_id in ids:
        outcome(spin, task_id)
    first = spin.http.get("/monitoring/tasks", params={"limit": 3, "status": "success"}).json()
    assert [task["task_id"] for task in first["tasks"]] == ids[:1:-1]
    assert set(first["tasks"][0]) == {
        "task_id", "status", "running", "attempts", "submitted", "started", "ended", "error",
    }  # fmt: skip
    second = spin.http.get(
        "/monitoring/tasks", params={"limit": 3, "status": "success", "after": first["after"]}
    ).json()
    assert [task["task_id"] for task in second["tasks"]][:2] == ids[1::-1]
    assert spin.http.get("/monitoring/tasks", params={"status": "failure"}).json()["after"] is None
    assert spin.http.get("/monitoring/tasks", params={"status": "lost"}).status_code == 400
    assert spin.http.get("/monitoring/tasks", params={"after": "nothing"}).status_code == 404
    for limit in ("0", "1001", "2.5", "-1", "x", ""):  # schemathesis found that 0 was taken
        refused = spin.http.get("/monitoring/tasks", params={"limit": limit})
        assert (refused.status_code, refused.json()["detail"][:14]) == (400, "Invalid limit:")


def test_the_queue_and_the_metrics_count(spin: Server) -> None:
    first = submit(spin, {"x": ENDLESS})
    ids = [submit(spin, {"x": SLOW}) for _ in range(20)]
    depth = spin.http.get("/monitoring/queue").json()
    assert depth["queued"] + depth["running"] + depth["succeeded"] == 21
    assert depth["running"] >= 1
    assert depth["stored_bytes"] > 0
    spin.http.delete(f"/monitoring/task_status/{first}")
    for task_id in ids:
        assert outcome(spin, task_id)["status"] == "success"

    def counted() -> bool:
        text = spin.http.get("/metrics").text
        return (
            'prediction_requests_total{source="async"} 21.0' in text
            and 'prediction_tasks{state="queued"} 0.0' in text
            and 'prediction_tasks_ended_total{status="success"} 20.0' in text
        )

    eventually(counted, SOON, "counts are taken every two seconds")


@pytest.mark.alone
def test_requests_are_not_held_up_by_a_backlog(spin: Server) -> None:
    def quarter() -> float:
        """The time within which a quarter is answered: who is held up waits for a run each time, and noise comes and goes."""
        times = []
        for _ in range(15):
            started = time.perf_counter()
            assert spin.http.post("/predict", json={"x": SLOW}).status_code == 200
            times.append(time.perf_counter() - started)
        return sorted(times)[3]

    alone = quarter()
    for _ in range(100):
        submit(spin, {"x": BACKLOG})
    assert spin.http.get("/monitoring/queue").json()["queued"] > 20
    assert quarter() < 2 * alone  # the benchmark has the real bound


def test_tasks_are_not_listed_unless_the_manifest_says_so(folder: Path) -> None:
    with spinning(folder) as server:
        answer = server.http.get("/monitoring/tasks")
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            "Tasks are not listed: spec.async.listed is false",
        )


def test_a_manifest_without_tasks_says_so(folder: Path) -> None:
    with spinning(folder, tasks={"enabled": False}) as server:
        for method, path in (("POST", "/predict/async"), ("POST", "/predict/async/"), ("GET", "/monitoring/tasks")):
            answer = server.http.request(method, path, json={"x": [[1.0]]})
            assert answer.status_code == 404
            assert answer.json()["detail"] == f"{path} is closed: this model takes no tasks: set spec.async"
        assert "/predict/async" not in server.http.get("/openapi.json").json()["paths"]


def test_a_full_queue_says_when_to_come_back(folder: Path) -> None:
    with spinning(folder, tasks={"maxQueued": 5}) as server:
        answers = [server.http.post("/predict/async", json={"x": [[2_000_000.0]]}) for _ in range(60)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert {answer.status_code for answer in answers} == {202, 429}
        assert 1 <= int(refused[-1].headers["retry-after"]) <= 600
        assert refused[-1].json()["detail"].startswith("5 tasks wait already (spec.async.maxQueued): try again in ")
        assert server.http.post("/predict", json={"x": [[1.0]]}).status_code == 200


def test_a_store_without_room_says_so(folder: Path) -> None:
    body = {"x": [[1.0 + i / 7] for i in range(60_000)]}
    with spinning(folder, tasks={"maxStored": "1Mi"}) as server:
        answer = server.http.post("/predict/async", json=body)
        assert (answer.status_code, answer.json()["detail"].split(":")[0]) == (
            507, "The bodies and results of tasks would take more than 1048576 bytes (spec.async.maxStored)",
        )  # fmt: skip


def test_tasks_outlive_a_stop_and_what_ran_is_given_back(folder: Path, tmp_path: Path) -> None:
    with spinning(folder, state=tmp_path) as server:
        ids = [submit(server, {"x": [[200_000.0 + i]]}) for i in range(30)]
        assert server.stop() == 0
    with spinning(folder, state=tmp_path) as server:
        for i, task_id in enumerate(ids):
            assert outcome(server, task_id)["result"] == {"y": [[200_000.0 + i]]}


def test_a_stop_wakes_who_waits(folder: Path) -> None:
    with spinning(folder) as server:
        task_id = submit(server, {"x": ENDLESS})
        poll = http.client.HTTPConnection(server.http.base_url.host, server.http.base_url.port, timeout=60)
        poll.request("GET", f"/monitoring/task_status/{task_id}?wait=50")
        time.sleep(0.5)
        started = time.monotonic()
        assert server.stop() == 0
        assert json.loads(poll.getresponse().read())["status"] == "pending"
        assert time.monotonic() - started < 40
        poll.close()


def test_a_state_folder_that_another_server_holds_is_named(folder: Path, tmp_path: Path) -> None:
    with spinning(folder, state=tmp_path), spinning(folder, state=tmp_path) as second:
        answer = second.http.post("/predict/async", json={"x": [[1.0]]})
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("Another process works on the tasks in ")
        assert second.http.post("/predict", json={"x": [[1.0]]}).status_code == 200


def why(server: Server) -> dict[str, Any]:
    """What /health says once the model cannot become ready."""

    def settled() -> dict[str, Any] | None:
        answer = server.http.get("/health")
        assert answer.status_code == 503
        found: dict[str, Any] = answer.json()
        return None if found["reason"] in {"Starting", "Loading"} else found

    return eventually(settled, SOON, "there is a reason")


@pytest.mark.parametrize(
    ("tasks", "variable"),
    [
        ({"store": "redis", "redisUrlSecretRef": {"name": "r"}}, "GPUX_REDIS_URL"),
        ({"callbacks": {"secretRef": {"name": "r"}}}, "GPUX_WEBHOOK_SECRET"),
    ],
)
def test_what_the_environment_lacks_keeps_the_model_from_ready(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tasks: dict[str, Any], variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with spinning(folder, tasks=tasks, ready=False) as server:
        assert f"{variable} is not" in why(server)["detail"]


def test_a_url_of_no_redis_keeps_the_model_from_ready(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUX_REDIS_URL", "http://user:password@redis:6379")
    tasks = {"store": "redis", "redisUrlSecretRef": {"name": "r"}}
    with spinning(folder, tasks=tasks, ready=False) as server:
        health = why(server)
        assert health["reason"] == "InvalidTaskStore"
        assert health["detail"].startswith("GPUX_REDIS_URL is no URL of a Redis: ")
        assert "password" not in health["detail"]


def test_an_image_is_a_task_too() -> None:
    """Raw, in a form, and as base64 in JSON: ten megabytes of it, and the answer of /predict."""
    example = EXAMPLES / "digits-image"
    png = pictures.encoded(pictures.picture(1900, 1900))
    with serve(example / "gpuxmodel.yaml", "--model-dir", str(example)) as server:
        for arguments in (
            {"content": png, "headers": {"Content-Type": "image/png"}},
            {"files": {"image": ("digit.png", png, "image/png")}},
        ):
            sync = server.http.post("/predict", **arguments)
            answer = server.http.post("/predict/async", **arguments)
            assert answer.status_code == 202, answer.text
            assert outcome(server, answer.json()["task_id"])["result"] == sync.json()


def test_texts_are_tasks_too() -> None:
    example = EXAMPLES / "review"
    with serve(example / "gpuxmodel.yaml", "--model-dir", str(example)) as server:
        body = {"text": ["a wonderful film", "dull"]}
        sync = server.http.post("/predict", json=body)
        assert sync.status_code == 200, sync.text
        assert outcome(server, submit(server, body))["result"] == sync.json()
