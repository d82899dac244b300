"""What helm says after an install: its commands are run, in order, and what else it says is looked for in the cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testcluster import isvc_crd
from testcluster.api import Object
from testcluster.tools import ensure
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.charts.conftest import Helm, Runs

PROGRAM = Path(sys.executable).with_name("gpux-operator")
GPUX, KSERVE = "gpux.io/v1alpha1", "serving.kserve.io/v1beta1"
READY = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
}
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "defaults": ("gpux", "gpux-system", {}),
    "namespaced, other names": (
        "team",
        "platform",
        {"watchNamespaces": ["team-b", "team-a"], "fullnameOverride": "models"},
    ),
    "no test, a Redis": (
        "gpux",
        "gpux-system",
        {
            "tests": {"enabled": False},
            "redis": {"enabled": True, "namespaces": ["team-a"], "urlSecretName": "queue"},
        },
    ),
}


class Kubelet:
    """What a node would do with the pods of a namespace: those of Deployments are ready, that of `helm test` runs its program here."""

    def __init__(self, helm: Helm, namespace: str) -> None:
        self._helm, self._namespace = helm, namespace
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.said = ""

    @contextmanager
    def at_work(self) -> Iterator[Kubelet]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            self._thread.join(SOON)

    def _run(self) -> None:
        while not self._stopped.wait(0.1):
            for pod in self._helm.api.list("v1", "Pod", self._namespace):
                phase = pod["status"].get("phase")
                hook = "helm.sh/hook" in pod["metadata"].get("annotations", {})
                if phase == "Pending":
                    self._patch(pod, {"phase": "Succeeded" if self._check(pod) == 0 else "Failed"} if hook else READY)

    def _check(self, pod: Object) -> int:
        spec = pod["spec"]
        login = self._helm.plane.service_account_kubeconfig(self._namespace, spec["serviceAccountName"])
        command = [PROGRAM, *spec["containers"][0]["args"], f"--kubeconfig={login}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.said = done.stdout + done.stderr
        return done.returncode

    def _patch(self, pod: Object, status: Object) -> None:
        name = pod["metadata"]["name"]
        self._helm.api.patch("v1", "Pod", name, {"status": status}, self._namespace, subresource="status")


@pytest.fixture(autouse=True)
def namespaces(bare: Helm) -> None:
    for name in ("team-a", "team-b", "platform"):
        bare.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    bare.install()  # a platform team's: the CRD, which a namespaced release leaves alone
    bare("uninstall", "gpux")


def commands(notes: str) -> list[str]:
    """Its indented lines, a heredoc as one."""
    found: list[str] = []
    for line in re.findall(r"^ {5}(.*)$", notes, re.MULTILINE):
        if found and "<<END" in found[-1] and not found[-1].endswith("\nEND"):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


@pytest.mark.parametrize(
    ("case", "kserve"), [*((case, True) for case in CASES), ("defaults", False)], ids=[*CASES, "no KServe"]
)
def test_its_commands_work_and_what_it_says_is_so(
    case: str, kserve: bool, bare: Helm, run_operator: Runs, tmp_path: Path
) -> None:
    release, namespace, values = CASES[case]
    if values.get("watchNamespaces"):
        values = {
            **values,
            "crds": {"enabled": False},
            "admissionPolicy": {"enabled": False},
            "rbac": {"aggregate": False},
        }
    if not kserve:
        isvc_crd.remove(bare.api)
    try:
        notes = bare.install(values, release, namespace=namespace).partition("\nNOTES:\n")[2]
        says_what_is_there(notes, bare, namespace, values, kserve=kserve)
        deployment = bare.api.get("apps/v1", "Deployment", values.get("fullnameOverride", "gpux"), namespace)
        login = bare.plane.service_account_kubeconfig(namespace, deployment["metadata"]["name"])
        with Kubelet(bare, namespace).at_work() as kubelet, run_operator(deployment, login):
            follow(notes, bare, kubelet, values, tmp_path, kserve=kserve)
    finally:
        remove(bare, values.get("watchNamespaces", ["default"])[0], kserve=kserve)
        bare("uninstall", release, "--ignore-not-found", namespace=namespace)
        isvc_crd.install(bare.api)


def remove(helm: Helm, place: str, *, kserve: bool) -> None:
    """Deletes the model that the notes made, with its children: the collector takes half a minute where a kind came or went."""
    if helm.api.find(GPUX, "GpuxModel", "sentiment", place):
        helm.api.delete(GPUX, "GpuxModel", "sentiment", place)
    for kind in (("v1", "ConfigMap"), *([(KSERVE, "InferenceService")] if kserve else [])):
        for child in helm.api.list(*kind, place, labels="gpux.io/model=sentiment"):
            helm.api.delete(*kind, child["metadata"]["name"], place)


def follow(notes: str, helm: Helm, kubelet: Kubelet, values: Object, folder: Path, *, kserve: bool) -> None:
    """Runs the commands as a user does who is in the namespace `default`."""
    tools = ensure(["kubectl", "helm"])
    for name, tool in tools.items():
        (folder / name).symlink_to(tool)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(helm.plane.admin_kubeconfig), "HOME": str(folder)}

    def said(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=2 * SOON, check=False
        )
        assert done.returncode == 0, (command, done, kubelet.said)
        return done.stdout

    rollout, *test, apply, listed, example = commands(notes)
    assert sum(word in {"kubectl", "helm"} for word in notes.split()) == len(test) + 4
    assert "successfully rolled out" in said(rollout)
    assert bool(test) is values.get("tests", {}).get("enabled", True)
    for command in test:
        assert re.search(r"^Phase: +Succeeded$", said(command), re.MULTILINE)
        assert "ok" in kubelet.said
    assert said(apply) == "gpuxmodel.gpux.io/sentiment created\n"
    place = values.get("watchNamespaces", ["default"])[0]
    reason = r"[A-Z]\w+" if kserve else "KServeNotInstalled"
    row = rf"^{place} +sentiment +(False|Unknown) +{reason}\b"
    eventually(lambda: re.search(row, said(listed), re.MULTILINE), SOON, "the status says what is missing")
    line = "curl -sS http://sentiment.example.com/predict"

    def shown() -> bool:  # until the operator writes the status of a model that serves nowhere
        helm.api.patch(GPUX, "GpuxModel", "sentiment", {"status": {"example": line}}, place, subresource="status")
        return said(example) == line

    eventually(shown, SOON, "the curl line of the status")


def says_what_is_there(notes: str, helm: Helm, namespace: str, values: Object, *, kserve: bool) -> None:
    """Namespaces, Secrets and what is missing."""
    watched = values.get("watchNamespaces", [])
    told = re.search(r"installed in namespace (\S+?)(?: and serves the models of (.*))?\.$", notes.splitlines()[0])
    assert told
    assert (told[1], told[2]) == (namespace, ", ".join(watched) or None)
    [deployment] = [
        item for item in helm.api.list("apps/v1", "Deployment", namespace) if "redis" not in item["metadata"]["name"]
    ]
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [item.partition("=")[2] for item in arguments if item.startswith("--namespace=")] == watched
    assert ("KServe is not installed" in notes) is not kserve
    redis = re.search(r"name: (\S+), key: (\w+)\}\}, in the namespaces\n(.*) \(redis.namespaces\)", notes)
    assert bool(redis) is ("redis" in values)
    for place in redis[3].split(", ") if redis else ():
        assert redis
        assert redis[2] in helm.api.get("v1", "Secret", redis[1], place)["data"]
