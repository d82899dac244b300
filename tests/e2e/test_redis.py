"""The example async-redis as examples/README.md writes it: the chart's Redis on a node, tasks, callbacks, and the end of Redis's pod."""

import base64
import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

import docblocks
import redisserver
from testcluster.chart import NAMESPACE, RELEASE
from testcluster.e2e import models_claim, release
from testcluster.e2e.cluster import Cluster
from testcluster.e2e.shell import Shell
from testcluster.e2e.user import User
from testcluster.waiting import eventually

Object = dict[str, Any]
MODEL, HOME = "review-tasks", "default"
"""The example's callbacks go to receivers in that namespace."""
REDIS = f"{RELEASE}-redis"
CLAIM = f"data-{REDIS}-0"
PROGRAMS = ("redis-server", "redis-cli")
DOCKERFILE = f"FROM gpux/predictor:0.1.0\nCOPY {' '.join(PROGRAMS)} /usr/local/bin/\n"
"""A Redis with a shell, as the chart wants it; our base is a Debian, too."""
RECEIVER = """
import http.server, json

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        print(json.dumps({"headers": dict(self.headers), "body": body}), flush=True)
        self.send_response(204)
        self.end_headers()

http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""


def receiver(image: str) -> list[Object]:
    """A pod that prints each callback, and its Service."""
    labels = {"app": "hooks"}
    container = {"name": "main", "image": image, "command": ["python", "-c", RECEIVER]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hooks", "labels": labels}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "hooks"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]},
        },
    ]


@pytest.fixture
def user(installed: Cluster, tmp_path: Path) -> Iterator[User]:
    """Somebody in the namespace `default`, which has the models and the receiver."""
    if not installed.takes_images:
        pytest.skip(f"a {installed.kind} cluster takes no image from here")
    folders = {name: tmp_path / name for name in ("models", "shell")}
    for folder in folders.values():
        folder.mkdir()
    try:
        with models_claim.filled(installed, HOME, folders["models"]) as cluster:
            cluster.apply(*receiver(cluster.images()["predictor"]), namespace=HOME)
            yield User(cluster, HOME, Shell(cluster, HOME, folders["shell"]))
    finally:
        ours = "persistentvolumeclaim/models pod/hooks service/hooks secret/webhooks"
        installed.kubectl("delete", *ours.split(), "-n", HOME, "--ignore-not-found", "--wait=false")


@pytest.fixture
def image(user: User, tmp_path: Path) -> Iterator[str]:
    """The options of helm with a Redis for our node, and a volume for it; afterwards the chart is as other tests expect it."""
    context, disk = tmp_path / "redis", tmp_path / "disk"
    for folder in (context, disk):
        folder.mkdir()
    for program in PROGRAMS:
        shutil.copy(Path(redisserver.program()).with_name(program), context)
    (context / "Dockerfile").write_text(DOCKERFILE)
    repository, _, tag = user.cluster.image_on_predictor(context).rpartition(":")
    models_claim.provide(user.cluster, NAMESPACE, disk, CLAIM)
    try:
        yield f"--set redis.image.repository={repository},redis.image.tag={tag},redis.storage.size=64Mi"
    finally:
        release.install(user.cluster)
        user.cluster.kubectl("delete", "persistentvolumeclaim", CLAIM, "-n", NAMESPACE, "--ignore-not-found")
        models_claim.remove_volume(user.cluster, NAMESPACE, CLAIM)


def submitted(user: User, text: str) -> str:
    """The id of a task whose end is told to the receiver."""

    def accepted() -> str:
        callback = httpx.QueryParams(callback_url=f"http://hooks.{HOME}.svc.cluster.local/done")
        answer = user.cluster.http(user.host(MODEL), f"/predict/async/?{callback}", "POST", json={"text": text})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    return eventually(accepted, 90, "a task is accepted")


def ended(user: User, task_id: str) -> Object:
    """The task, once it has succeeded."""

    def succeeded() -> Object:
        answer = user.cluster.http(user.host(MODEL), f"/monitoring/task_status/{task_id}?wait=10")
        assert answer.json()["status"] == "success", answer.text
        return dict(answer.json())

    return eventually(succeeded, 90, "the task is run")


def told(user: User, task_id: str) -> Object:
    """What the receiver was told of a task, once it was and the signature is good."""
    secret = user.cluster.get("secret", "webhooks", HOME)["data"]["secret"]
    webhook = Webhook(base64.b64decode(secret).decode())

    def arrived() -> Object:
        lines = [json.loads(line) for line in user.shell.run("kubectl logs hooks").splitlines() if line[0] == "{"]
        [callback] = [line for line in lines if json.loads(line["body"])["task_id"] == task_id]
        return dict(webhook.verify(callback["body"], callback["headers"]))

    return eventually(arrived, 60, "the callback arrives")


def test_tasks_and_callbacks_and_the_end_of_redis(user: User, image: str) -> None:
    user.types("examples/README.md", "helm upgrade gpux charts/gpux", image)
    user.shell.run(f"kubectl rollout status statefulset/{REDIS} -n {NAMESPACE} --timeout=120s")
    user.shell.run(f"kubectl wait --for=condition=Ready pod/hooks gpuxmodel/{MODEL} --timeout=180s")

    first = submitted(user, "I love this product!")
    result = ended(user, first)["result"]
    assert result == {"sentiment": pytest.approx([0.05, 0.95], abs=1e-3)}
    assert told(user, first)["result"] == result

    pod = user.cluster.get("pod", f"{REDIS}-0", NAMESPACE)["metadata"]["uid"]
    user.shell.run(f"kubectl delete pod {REDIS}-0 -n {NAMESPACE} --grace-period=0 --force")
    eventually(
        lambda: user.cluster.get("pod", f"{REDIS}-0", NAMESPACE)["metadata"]["uid"] != pod, 60, "there is another"
    )
    assert ended(user, first)["result"] == result, "the task of before is still known"
    second = submitted(user, "what a waste")
    assert told(user, second)["result"] == ended(user, second)["result"]


def test_the_secret_of_the_page_on_callbacks_is_the_same() -> None:
    """The command that docs/callbacks.md shows is the one that the test above has typed."""
    [line] = docblocks.one("docs/callbacks.md", "kubectl create secret").text.splitlines()
    example = docblocks.one("examples/README.md", "helm upgrade gpux charts/gpux").text.splitlines()
    assert shlex.split(line) in map(shlex.split, example[2:])
