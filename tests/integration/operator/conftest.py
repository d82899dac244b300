"""The operator as a real process under its own ServiceAccount with the chart's rights, and what stands in for KServe.

There are no nodes here: the Deployment controller makes pods, and `Kserve` writes into their status what a kubelet would.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testcluster import knative_crd
from testcluster.api import Api, ApiError
from testcluster.chart import chart_manifests
from testcluster.controlplane import ControlPlane
from testcluster.knative import MODES, KnativeMode
from testcluster.ports import free_ports
from testcluster.processes import tied
from testcluster.proxy import ApiProxy
from testcluster.waiting import SOON, eventually

Object = dict[str, Any]
SYSTEM = "gpux-system"
USER = f"system:serviceaccount:{SYSTEM}:gpux"
GPUX, KSERVE = "gpux.io/v1alpha1", "serving.kserve.io/v1beta1"
HPA = "autoscaling/v2", "HorizontalPodAutoscaler"
RESYNC_SECONDS = 2
WATCHES = 7
"""GpuxModels and the kinds of what is made for them."""


class Operator:
    """The process; `start` and `kill` as often as one likes."""

    def __init__(
        self, kubeconfig: Path, log: Path, namespaces: tuple[str, ...] = (), options: tuple[str, ...] = ()
    ) -> None:
        self._options = options
        self._kubeconfig = kubeconfig
        self._log = log
        self._namespaces = namespaces
        self._process: subprocess.Popen[bytes] | None = None
        self.metrics_port, self.health_port = free_ports(2)

    def start(self) -> Operator:
        command = ["gpux-operator", "run", f"--kubeconfig={self._kubeconfig}", f"--resync-seconds={RESYNC_SECONDS}"]
        command += [
            f"--metrics-port={self.metrics_port}",
            f"--health-port={self.health_port}",
            "--predictor-image=predictor:test",
        ]
        command += [f"--namespace={name}" for name in self._namespaces]
        command += self._options
        binary = Path(os.sys.executable).parent / command[0]  # type: ignore[attr-defined]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(tied([binary, *command[1:]]), stdout=log, stderr=log)
        return self

    def ready(self) -> Operator:
        eventually(lambda: self._has_ended() or self.fetch(self.health_port, "/readyz")[0] == 200, SOON, "it is ready")
        assert not self._has_ended(), self.log()[-3000:]
        return self

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def fetch(self, port: int, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, line: str) -> float:
        lines = self.fetch(self.metrics_port, "/metrics")[1].splitlines()
        return sum(float(found.rpartition(" ")[2]) for found in lines if found.startswith(line))

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """As a node that hangs; `thaw` it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def terminate(self) -> int:
        return self._signal(signal.SIGTERM)

    def log(self) -> str:
        return self._log.read_text()

    def ended_without_traceback(self) -> None:
        """But for kopf's watches, closed amid an event: asyncio tells it, and nothing is lost with a watch that is over."""
        log = "\n".join(line for line in self.log().splitlines() if "closing of asynchronous generator" not in line)
        assert "Traceback" not in log, log[-8000:]

    def _signal(self, number: int) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(SOON)
        self._process = None
        return code


class Kserve:
    """KServe, the kubelet and the scheduler, as far as a status shows them, for one namespace; Knative mode is in `testcluster.knative`."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.pod_status: Callable[[Object], Object] = lambda pod: READY
        self.knative = KnativeMode(api, namespace)

    def __enter__(self) -> Kserve:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(SOON)

    def _run(self) -> None:
        while not self._stopped.wait(0.1):
            with contextlib.suppress(ApiError, OSError, Exception):
                self.once()

    def once(self) -> None:
        for isvc in self._api.list(KSERVE, "InferenceService", self._namespace):
            if "deletionTimestamp" not in isvc["metadata"]:
                self._deploy(isvc)
        for pod in self._api.list("v1", "Pod", self._namespace):
            if "deletionTimestamp" in pod["metadata"]:
                self._api.request(
                    "DELETE",
                    f"/api/v1/namespaces/{self._namespace}/pods/{pod['metadata']['name']}",
                    {"gracePeriodSeconds": 0},
                )
                continue
            status = self.pod_status(pod)
            if any(pod["status"].get(name) != value for name, value in status.items()):
                self._api.patch(
                    "v1", "Pod", pod["metadata"]["name"], {"status": status}, self._namespace, subresource="status"
                )

    def _deploy(self, isvc: Object) -> None:
        if isvc["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] in MODES:
            self.knative.deploy(isvc)
            return
        name, predictor = isvc["metadata"]["name"], dict(isvc["spec"]["predictor"])
        replicas, strategy = predictor.pop("minReplicas"), predictor.pop("deploymentStrategy")
        for other in ("maxReplicas", "timeout", "scaleMetric", "scaleTarget", "autoScaling"):
            predictor.pop(other, None)
        mode = isvc["metadata"]["annotations"]["serving.kserve.io/deploymentMode"]
        stopped = isvc["metadata"]["annotations"].get("serving.kserve.io/stop") == "true"
        if stopped and mode == "Standard":  # the mode had another name when KServe did not stop it yet
            self._stop(name)
            return
        scaled_by = isvc["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"]
        app = {"app": f"isvc.{name}-predictor"}
        owner = {
            "apiVersion": KSERVE,
            "kind": "InferenceService",
            "name": name,
            "uid": isvc["metadata"]["uid"],
            "controller": True,
        }
        metadata = {
            "labels": {**isvc["metadata"]["labels"], "serving.kserve.io/inferenceservice": name, **app},
            "annotations": isvc["metadata"]["annotations"],
        }
        stored = self._api.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": f"{name}-predictor",
                    "namespace": self._namespace,
                    "ownerReferences": [owner],
                    **metadata,
                },
                "spec": {
                    **({"replicas": replicas} if scaled_by == "none" else {}),
                    "strategy": strategy,
                    "selector": {"matchLabels": app},
                    "template": {"metadata": metadata, "spec": predictor},
                },
            },
            manager="kserve",
        )
        self._autoscale(isvc, scaled_by, owner)
        ready = "True" if stored.get("status", {}).get("availableReplicas") else "Unknown"
        status = {
            "deploymentMode": mode,
            "conditions": [{"type": kind, "status": ready} for kind in ("PredictorReady", "IngressReady", "Ready")],
            "address": {"url": f"http://{name}-predictor.{self._namespace}.svc.cluster.local"},
            "url": f"http://{name}-{self._namespace}.example.com",
        }
        if isvc.get("status") != status:
            self._api.patch(KSERVE, "InferenceService", name, {"status": status}, self._namespace, subresource="status")

    def _autoscale(self, isvc: Object, scaled_by: str, owner: Object) -> None:
        """Makes the HorizontalPodAutoscaler, and deletes it for a fixed number only, as KServe does."""
        name, predictor = f"{isvc['metadata']['name']}-predictor", isvc["spec"]["predictor"]
        if scaled_by == "none" and self._api.find(*HPA, name, self._namespace):
            self._api.delete(*HPA, name, self._namespace)
        if scaled_by != "hpa":
            return
        target = {"type": "Utilization", "averageUtilization": predictor["scaleTarget"]}
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": predictor["minReplicas"],
            "maxReplicas": predictor["maxReplicas"],
            "metrics": [{"type": "Resource", "resource": {"name": predictor["scaleMetric"], "target": target}}],
            "behavior": {},
        }
        metadata = {"name": name, "namespace": self._namespace, "ownerReferences": [owner]}
        self._api.apply({"apiVersion": HPA[0], "kind": HPA[1], "metadata": metadata, "spec": spec}, manager="kserve")

    def _stop(self, name: str) -> None:
        """Takes the pods and their autoscaler away and keeps the InferenceService."""
        self._api.delete(*HPA, f"{name}-predictor", self._namespace)
        if self._api.find("apps/v1", "Deployment", f"{name}-predictor", self._namespace):
            self._api.delete("apps/v1", "Deployment", f"{name}-predictor", self._namespace, propagation="Background")
        kinds = ("PredictorReady", "IngressReady", "Ready")
        status = {"conditions": [{"type": kind, "status": "False", "reason": "Stopped"} for kind in kinds]}
        self._api.patch(KSERVE, "InferenceService", name, {"status": status}, self._namespace, subresource="status")


READY: Object = {
    "phase": "Running",
    "startTime": "2020-01-01T00:00:00Z",
    "conditions": [
        {"type": kind, "status": "True"} for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ],
}


class Models:
    """GpuxModels of one namespace, by name."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    def manifest(self, name: str = "m", **spec: Any) -> Object:
        full = {"model": {"source": {"uri": "s3://bucket/model"}}, **spec}
        return {
            "apiVersion": GPUX,
            "kind": "GpuxModel",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": full,
        }

    def apply(self, name: str = "m", **spec: Any) -> Object:
        return self.api.apply(self.manifest(name, **spec), manager="user")

    def get(self, name: str = "m") -> Object:
        return self.api.get(GPUX, "GpuxModel", name, self.namespace)

    def delete(self, name: str = "m", propagation: str = "Background") -> None:
        self.api.delete(GPUX, "GpuxModel", name, self.namespace, propagation=propagation)

    def condition(self, kind: str, name: str = "m") -> Object:
        conditions = self.get(name).get("status", {}).get("conditions", [])
        found: Object = next((item for item in conditions if item["type"] == kind), {})
        return found

    def becomes(self, reason: str, name: str = "m", kind: str = "Ready", timeout: float = SOON) -> Object:
        """The condition, once it has that reason for the newest generation."""

        def probe() -> Object | None:
            found = self.condition(kind, name)
            generation = self.get(name)["metadata"]["generation"]
            assert (found.get("reason"), found.get("observedGeneration")) == (reason, generation), found
            return found

        return eventually(probe, timeout, f"{kind} of {name} has the reason {reason}")

    def isvc(self, name: str = "m") -> Object | None:
        return self.api.find(KSERVE, "InferenceService", name, self.namespace)

    def has_isvc(self, name: str = "m") -> Object:
        return eventually(lambda: self.isvc(name), SOON, f"there is an InferenceService {name}")

    def config_maps(self, name: str = "m") -> list[Object]:
        return self.api.list("v1", "ConfigMap", self.namespace, f"gpux.io/model={name}")

    def deployment(self, name: str = "m") -> Object | None:
        return self.api.find("apps/v1", "Deployment", f"{name}-predictor", self.namespace)


@pytest.fixture(scope="session")
def service_account(control_plane: ControlPlane) -> Path:
    """A kubeconfig of the operator's ServiceAccount, with the rights that the chart gives it and no others."""
    api = control_plane.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    for manifest in chart_manifests():
        if manifest["kind"] in {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}:
            api.apply(manifest)
    login = control_plane.service_account_kubeconfig(SYSTEM, "gpux")
    return login.rename(login.with_name("operator.kubeconfig"))  # another token of it may be asked for


@pytest.fixture
def make_operator() -> type[Operator]:
    return Operator


@pytest.fixture
def operator_log(tmp_path: Path) -> Path:
    return tmp_path / "operator.log"


@pytest.fixture
def stopped_operator(service_account: Path, operator_log: Path) -> Iterator[Operator]:
    """An operator that the test starts itself."""
    operator = Operator(service_account, operator_log)
    yield operator
    operator.kill()


@pytest.fixture
def proxy(service_account: Path, tmp_path: Path) -> Iterator[ApiProxy]:
    """A way to the API server on which things can go wrong."""
    with ApiProxy(service_account, tmp_path) as running:
        yield running


@pytest.fixture
def proxied(proxy: ApiProxy, operator_log: Path) -> Iterator[Operator]:
    """An operator behind the proxy that lives by its watches: it looks at all models only at its start."""
    operator = Operator(proxy.kubeconfig, operator_log, options=("--resync-seconds=3600",)).start()
    try:
        operator.ready()
        eventually(lambda: proxy.watches == WATCHES, SOON, f"all watches are open: {operator.log()}")
        yield operator
        assert operator.fetch(operator.health_port, "/healthz")[0] == 200
        assert operator.terminate() == 0, operator.log()[-4000:]
    finally:
        operator.kill()
    operator.ended_without_traceback()


@pytest.fixture(scope="module")
def operator(service_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """One that runs for all tests of a module."""
    running = Operator(service_account, tmp_path_factory.mktemp("operator") / "operator.log").start().ready()
    yield running
    assert running.terminate() == 0, running.log()[-4000:]
    running.ended_without_traceback()


@pytest.fixture(scope="module")
def knative(control_plane: ControlPlane) -> Iterator[None]:
    """A cluster that has Knative's kinds."""
    knative_crd.install(control_plane.api)
    yield
    knative_crd.remove(control_plane.api)


@pytest.fixture
def models(admin: Api, namespace: str) -> Models:
    return Models(admin, namespace)


@pytest.fixture
def kserve(admin: Api, namespace: str) -> Iterator[Kserve]:
    with Kserve(admin, namespace) as running:
        yield running


@pytest.fixture
def operator_writes(control_plane: ControlPlane) -> Callable[[str], list[str]]:
    """What the operator wrote in a namespace so far, from the API server's audit log."""

    def writes(namespace: str) -> list[str]:
        events = [event for event in control_plane.writes(USER) if event["objectRef"].get("namespace") == namespace]
        return [
            f"{event['verb']} {event['objectRef']['resource']} {event['objectRef'].get('name', '')}" for event in events
        ]

    return writes


@pytest.fixture
def settled_writes(operator_writes: Callable[[str], list[str]]) -> Callable[..., list[str]]:
    """What it wrote in a namespace, once it has written nothing there for some seconds: an event follows its status."""

    def settled(namespace: str, seconds: float = 1.0) -> list[str]:
        def probe() -> list[str] | None:
            before = operator_writes(namespace)
            time.sleep(seconds)
            return before if operator_writes(namespace) == before else None

        return eventually(probe, SOON, f"nothing is written in {namespace} for {seconds:g} s")

    return settled


def wait_a_few_passes(operator: Operator, passes: int = 3) -> None:
    """Until the operator looked at its models a few times more."""
    before = operator.metric("gpux_operator_reconcile_total")
    eventually(lambda: operator.metric("gpux_operator_reconcile_total") >= before + passes, SOON, "a few passes")
    time.sleep(0.3)


@pytest.fixture
def a_few_passes(operator: Operator) -> Callable[[], None]:
    return lambda: wait_a_few_passes(operator)
