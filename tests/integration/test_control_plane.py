"""The control plane that the other tests build on is what they take it for."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import onnxmodels
from testcluster import isvc_crd
from testcluster.api import Api, ApiError, Object
from testcluster.controlplane import ControlPlane
from testcluster.errors import ClusterError
from testcluster.ports import free_ports
from testcluster.processes import Program
from testcluster.waiting import SOON, consistently, eventually

FORBIDDEN = 403
SLEEPER = [sys.executable, "-c", "import time; print('started', flush=True); time.sleep(600)"]


def config_map(name: str, owners: list[Object] | None = None) -> Object:
    metadata = {"name": name, "ownerReferences": owners or []}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "value"}}


def inference_service(container: Object) -> Object:
    containers = [{"name": "kserve-container", "image": "example.com/image:1", **container}]
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "demo"},
        "spec": {"predictor": {"minReplicas": 1, "containers": containers}},
    }


def test_it_is_the_pinned_kubernetes(admin: Api) -> None:
    assert admin.request("GET", "/version")["gitVersion"] == "v1.34.4"


def test_garbage_collector_deletes_what_a_deleted_object_owned(admin: Api, namespace: str) -> None:
    owner = admin.create(config_map("owner"), namespace)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    admin.create(config_map("owned", [reference]), namespace)
    admin.create(config_map("free"), namespace)

    admin.delete("v1", "ConfigMap", "owner", namespace)

    eventually(
        lambda: admin.find("v1", "ConfigMap", "owned", namespace) is None,
        SOON,
        "the owned config map is gone",
    )
    assert admin.find("v1", "ConfigMap", "free", namespace) is not None


def test_data_survives_a_crash_of_the_api_server(control_plane: ControlPlane, admin: Api, namespace: str) -> None:
    before = admin.create(config_map("kept"), namespace)

    control_plane.stop_apiserver()
    assert not admin.is_ready()
    control_plane.start_apiserver()

    assert admin.get("v1", "ConfigMap", "kept", namespace) == before


def test_service_account_may_do_what_its_role_says_and_no_more(
    control_plane: ControlPlane, admin: Api, namespace: str
) -> None:
    for manifest in _reader("reader"):
        admin.apply(manifest, namespace)
    admin.create(config_map("readable"), namespace)

    with Api(control_plane.service_account_kubeconfig(namespace, "reader")) as reader:
        assert reader.get("v1", "ConfigMap", "readable", namespace)["data"] == {"key": "value"}
        with pytest.raises(ApiError) as refusal:
            reader.create(config_map("forbidden"), namespace)

    assert refusal.value.status == FORBIDDEN
    user = f"system:serviceaccount:{namespace}:reader"
    assert [event["responseStatus"]["code"] for event in control_plane.writes(user)] == [FORBIDDEN]


def test_inference_service_with_a_misspelled_field_is_refused(admin: Api, namespace: str) -> None:
    with pytest.raises(ApiError, match=r"unknown field.*imagePullPolcy|imagePullPolcy.*not declared"):
        admin.apply(inference_service({"imagePullPolcy": "Always"}), namespace)


def test_inference_service_applied_again_does_not_change(admin: Api, namespace: str) -> None:
    container = {
        "ports": [{"containerPort": 8080}],
        "env": [{"name": "A", "value": "1"}],
        "resources": {"limits": {"cpu": 1, "memory": "2Gi", "nvidia.com/gpu": "1"}},
    }
    first = admin.apply(inference_service(container), namespace)
    second = admin.apply(inference_service(container), namespace)

    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


@pytest.mark.usefixtures("without_isvc_crd")
def test_kserve_can_arrive_late(admin: Api, namespace: str) -> None:
    with pytest.raises(ApiError, match="404"):
        admin.apply(inference_service({}), namespace)

    isvc_crd.install(admin)

    assert admin.apply(inference_service({}), namespace)["metadata"]["generation"] == 1


def test_program_that_ends_early_shows_its_log(tmp_path: Path) -> None:
    program = Program("teapot", [sys.executable, "-c", "raise SystemExit('short and stout')"], tmp_path / "log")
    program.start()
    eventually(lambda: not program.running, SOON, "the program has ended")

    with pytest.raises(ClusterError, match=r"teapot is not running \(exit code 1\)(.|\n)*short and stout"):
        program.check()
    program.stop()


def test_program_does_not_outlive_a_killed_test_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"""
import signal
from pathlib import Path
from testcluster.ports import free_ports
from testcluster.processes import Program
Program("sleeper", {SLEEPER!r}, Path({str(log)!r})).start()
signal.pause()
"""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as owner:
        eventually(lambda: log.exists() and "started" in log.read_text(), SOON, "the program runs")
        owner.send_signal(signal.SIGKILL)

    eventually(lambda: not _runs(str(log)), SOON, "nothing that writes to the log is left")


SERVES = """
from pathlib import Path
from predictorserver import serve
with serve(Path({manifest!r}), port={port}) as server:
    Path({told!r}).write_text(str(server.process.pid))
    server.process.wait()
"""


def test_a_server_does_not_outlive_a_killed_test_process(tmp_path: Path) -> None:
    """Programs that tests send signals to, and wait for, have no guard between: they are tied to the process that starts them."""
    onnxmodels.identity(tmp_path / "model.onnx")
    manifest, told = tmp_path / "model.yaml", tmp_path / "pid"
    body = {"model": {"source": {"uri": "file://."}}}
    kind = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "test"}}
    manifest.write_text(json.dumps({**kind, "spec": body}))
    code = SERVES.format(manifest=str(manifest), told=str(told), port=free_ports(1)[0])
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as owner:
        process = Path("/proc", eventually(told.read_text, SOON, "the model is served"))
        assert _is_alive(process)
        owner.send_signal(signal.SIGKILL)
    try:
        eventually(lambda: not _is_alive(process), 10, "the server has ended")
    finally:
        if _is_alive(process):
            os.kill(int(process.name), signal.SIGKILL)


def test_eventually_says_what_it_saw() -> None:
    with pytest.raises(AssertionError, match=r"not within 0.1 s: the moon is blue; last answer: \[\]"):
        eventually(list, 0.1, "the moon is blue")
    moon: Object = {}
    with pytest.raises(AssertionError, match="last error: KeyError: 'colour'"):
        eventually(lambda: moon["colour"], 0.1, "the moon has a colour")


def test_consistently_fails_as_soon_as_it_is_not_so() -> None:
    consistently(lambda: True, 0.1, "nothing happens")
    answers = iter([True, True, False, True])
    with pytest.raises(AssertionError, match=r"no longer true after [\d.]+ s: it is early; last answer: False"):
        consistently(lambda: next(answers), 60, "it is early")
    assert list(answers) == [True]


def _reader(name: str) -> list[Object]:
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    metadata = {"name": name}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name}],
        },
    ]


def _is_alive(process: Path) -> bool:
    """Whether it runs; one that has ended and that nobody has asked for its exit code is there without a command line."""
    try:
        return (process / "cmdline").read_bytes() != b""
    except OSError:
        return False


def _runs(marker: str) -> bool:
    """Whether a process has this file as its standard output (Linux; elsewhere nobody can say)."""
    return any(_output(link) == marker for link in Path("/proc").glob("[0-9]*/fd/1"))


def _output(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
