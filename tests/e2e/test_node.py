"""The node under the other tests: pods run, names resolve, the ingress answers, GPUs are counted."""

from functools import partial
from typing import Any

import pytest

from testcluster.e2e.cluster import Cluster
from testcluster.native.layout import BUSYBOX_IMAGE
from testcluster.waiting import eventually

Object = dict[str, Any]
SOON = 60.0
SERVE = "mkdir /tmp/www && echo hello >/tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"


@pytest.fixture
def node(cluster: Cluster) -> Cluster:
    if not cluster.has_busybox:
        pytest.skip(f"only our own node has the image {BUSYBOX_IMAGE}; this is a {cluster.kind} cluster")
    return cluster


def pod(name: str, command: list[str], **more: Any) -> Object:
    container = {"name": "main", "image": BUSYBOX_IMAGE, "command": command, **more}
    metadata = {"name": name, "labels": {"app": name}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "enableServiceLinks": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def service(name: str) -> Object:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def ingress(name: str, host: str) -> Object:
    backend = {"service": {"name": name, "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {"ingressClassName": "traefik", "rules": [rule]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec}


def wait_running(node: Cluster, namespace: str, name: str) -> None:
    node.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--namespace", namespace, f"--timeout={SOON:g}s")


def test_pods_talk_by_name_and_the_ingress_answers(node: Cluster, namespace: str) -> None:
    host = f"web.{namespace}.example.com"
    node.apply(pod("web", ["sh", "-c", SERVE]), service("web"), ingress("web", host), namespace=namespace)
    node.apply(pod("client", ["sleep", "600"]), namespace=namespace)
    wait_running(node, namespace, "web")
    wait_running(node, namespace, "client")
    for name in ("web", f"web.{namespace}.svc.cluster.local"):
        fetch = ["exec", "--namespace", namespace, "client", "--", "timeout", "5", "wget", "-qO-", f"http://{name}"]
        assert eventually(partial(node.kubectl, *fetch), SOON, "the Service answers by name") == "hello\n"
    # the pod behind a Service reaches itself through it (its bare name is its own address)
    fetch = ["exec", "--namespace", namespace, "web", "--", "wget", "-qO-", f"http://web.{namespace}"]
    assert node.kubectl(*fetch) == "hello\n"
    eventually(lambda: node.http(host).text == "hello\n", SOON, "the ingress answers")
    assert node.http("nobody.example.com").status_code == 404


def test_logs_and_exit_codes_come_back(node: Cluster, namespace: str) -> None:
    failing = pod("failing", ["sh", "-c", "echo why; exit 3"])
    failing["spec"]["restartPolicy"] = "Never"
    node.apply(failing, namespace=namespace)

    def exit_code() -> int | None:
        state = node.get("pod", "failing", namespace)["status"]["containerStatuses"][0]["state"]
        code: int | None = state["terminated"]["exitCode"]
        return code

    assert eventually(exit_code, SOON, "the pod has ended") == 3
    assert node.kubectl("logs", "--namespace", namespace, "failing") == "why\n"


def test_fake_gpus_are_counted(node: Cluster, namespace: str) -> None:
    node.set_gpus(1)
    wants_one = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    node.apply(pod("first", ["sleep", "600"], **wants_one), namespace=namespace)
    wait_running(node, namespace, "first")
    node.apply(pod("second", ["sleep", "600"], **wants_one), namespace=namespace)

    def refusal() -> str:
        conditions = node.get("pod", "second", namespace)["status"]["conditions"]
        return str(next(item["message"] for item in conditions if item.get("reason") == "Unschedulable"))

    assert "Insufficient nvidia.com/gpu" in eventually(refusal, SOON, "the second pod finds no GPU")
    node.kubectl("delete", "pod", "first", "--namespace", namespace)
    wait_running(node, namespace, "second")
    node.set_gpus(0)


def test_a_volume_is_bound_and_mounted(node: Cluster, namespace: str, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("from the host")
    meta = {"name": f"volume-{namespace}"}
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": namespace}
    capacity = {"capacity": {"storage": "1Mi"}, "hostPath": {"path": str(tmp_path)}}
    node.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": common | capacity})
    asked = common | {"resources": {"requests": {"storage": "1Mi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "claim"}, "spec": asked}
    reader = pod("reader", ["cat", "/mnt/file"], volumeMounts=[{"name": "v", "mountPath": "/mnt", "readOnly": True}])
    reader["spec"] |= {
        "restartPolicy": "Never",
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "claim"}}],
    }
    node.apply(claim, reader, namespace=namespace)
    read = ["logs", "--namespace", namespace, "reader"]
    eventually(lambda: node.kubectl(*read) == "from the host", SOON, "the pod reads the volume")
    node.kubectl("delete", "pod,pvc", "--all", "--namespace", namespace)
    node.kubectl("delete", "persistentvolume", meta["name"])
