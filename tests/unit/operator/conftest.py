"""An API server in memory, as far as the reconcile notices: server-side apply with ownership, generations, failures to order."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gpux_operator.build.inference_service import Images, Platform
from gpux_operator.build.metadata import MANAGER
from gpux_operator.engine.predictors import Predictors
from gpux_operator.engine.queue import Key
from gpux_operator.engine.reconcile import Reconciler
from gpux_operator.engine.recorder import Recorder
from gpux_operator.kube.api import DEPLOYMENTS, GPUX_MODELS, INFERENCE_SERVICES, INGRESSES, PODS, SERVICES, Resource
from gpux_operator.kube.errors import Conflict, KindMissing, NotFound

Manifest = dict[str, Any]
WRITES = {"apply", "apply_status", "delete", "create", "merge"}


class FakeApi:
    """See the module. `before` runs ahead of each call with the call's number and may raise."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Resource, str, str], Manifest] = {}
        self.missing_kinds: set[Resource] = set()
        self.calls: list[tuple[str, str, str]] = []
        self.before: Callable[[int, str], None] = lambda number, verb: None
        self.after: Callable[[int, str], None] = lambda number, verb: None
        self.numbers = itertools.count()
        self._versions = itertools.count(1)

    @property
    def writes(self) -> list[tuple[str, str, str]]:
        return [call for call in self.calls if call[0] in WRITES]

    # the port

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        with self._call("get", resource, name):
            if (resource, namespace, name) not in self.objects:
                raise NotFound(name)
            return copy.deepcopy(self.objects[resource, namespace, name])

    def list(self, resource: Resource, namespace: str | None, labels: str = "", fields: str = "") -> Iterator[Manifest]:
        with self._call("list", resource, labels or fields):
            chosen = [item.split("=") for item in fields.split(",") if item]
            wanted = dict(item.split("=") for item in labels.split(",") if item)
            found = [
                copy.deepcopy(obj)
                for (kind, where, _), obj in self.objects.items()
                if kind == resource
                and namespace in (None, where)
                and wanted.items() <= obj["metadata"].get("labels", {}).items()
                and all(_field(obj, path) == value for path, value in chosen)
            ]
        yield from found

    def apply(self, resource: Resource, desired: Manifest) -> Manifest:
        metadata = desired["metadata"]
        with self._call("apply", resource, metadata["name"]):
            stored = self.objects.get((resource, metadata["namespace"], metadata["name"]), {"metadata": {}})
            self._check_version(stored, desired)
            own = {name: value for name, value in metadata.items() if name != "resourceVersion"}
            return copy.deepcopy(self.store(resource, {**desired, "metadata": own}))

    def apply_status(self, resource: Resource, desired: Manifest) -> Manifest:
        metadata = desired["metadata"]
        with self._call("apply_status", resource, metadata["name"]):
            stored = self.objects.get((resource, metadata["namespace"], metadata["name"]))
            if stored is None:
                raise NotFound(metadata["name"])
            if stored["metadata"]["uid"] != metadata["uid"]:
                raise Conflict("uid")
            self._check_version(stored, desired)
            if stored.get("status") != desired["status"]:
                stored["metadata"]["resourceVersion"] = str(next(self._versions))
            stored["status"] = copy.deepcopy(desired["status"])
            return copy.deepcopy(stored)

    def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        with self._call("delete", resource, name):
            metadata = self.objects.get((resource, namespace, name), {}).get("metadata", {})
            if metadata.get("uid") == uid and metadata.get("finalizers"):
                metadata["deletionTimestamp"] = "2030-01-01T00:00:00Z"
            elif metadata.get("uid") == uid:
                del self.objects[resource, namespace, name]

    def create(self, resource: Resource, obj: Manifest) -> Manifest:
        key = (resource, obj["metadata"]["namespace"], obj["metadata"]["name"])
        with self._call("create", resource, key[2]):
            if key in self.objects:
                raise Conflict("exists")
            stored = self.objects[key] = copy.deepcopy(obj)
            stored["metadata"].setdefault("resourceVersion", str(next(self._versions)))
            return copy.deepcopy(stored)

    def admit(self, resource: Resource, obj: Manifest) -> None:
        with self._call("admit", resource, obj["metadata"]["name"]):
            pass

    def merge(self, resource: Resource, namespace: str, name: str, patch: Manifest) -> Manifest:
        with self._call("merge", resource, name):
            stored = self.objects[resource, namespace, name]
            self._edit(stored, patch, MANAGER)
            return copy.deepcopy(stored)

    def serves(self, resource: Resource) -> bool:
        return resource not in self.missing_kinds

    def version(self) -> str:
        return "v1.34.1"

    # the cluster

    def store(self, resource: Resource, desired: Manifest, manager: str = MANAGER) -> Manifest:
        """Server-side apply; lists are replaced whole."""
        metadata = desired["metadata"]
        key = (resource, metadata["namespace"], metadata["name"])
        live = self.objects.get(key)
        before = copy.deepcopy(live)
        if live is None:
            live = {"metadata": {"uid": f"uid-{next(self._versions)}", "generation": 1, "managedFields": []}}
        owned = _owned(desired)
        entry = next((item for item in live["metadata"]["managedFields"] if item["manager"] == manager), None)
        if entry is None:
            entry = {"manager": manager, "operation": "Apply", "fieldsV1": {}}
            live["metadata"]["managedFields"].append(entry)
        _prune(live, entry["fieldsV1"], owned)
        _merge(live, desired)
        entry["fieldsV1"] = owned
        if before is not None and before.get("spec") != live.get("spec"):
            live["metadata"]["generation"] += 1
        if before != live:
            live["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[key] = live
        return live

    def edit(self, key: Key, patch: Manifest, manager: str, age: float = 3600) -> None:
        """Somebody's merge patch of the InferenceService, so many seconds ago."""
        time = (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._edit(self.isvc(key), patch, manager, time)

    @staticmethod
    def _check_version(stored: Manifest, change: Manifest) -> None:
        version = change["metadata"].get("resourceVersion")
        if version not in (None, stored["metadata"].get("resourceVersion")):
            raise Conflict("the object has been modified")

    def _edit(self, live: Manifest, patch: Manifest, manager: str, time: str = "") -> None:
        before = copy.deepcopy(live)
        version = patch.get("metadata", {}).get("resourceVersion")
        if version not in (None, live["metadata"].get("resourceVersion")):
            raise Conflict("the object has been modified")
        _merge_patch(live, patch)
        entries = live["metadata"].setdefault("managedFields", [])
        for entry in entries:
            entry["fieldsV1"] = _existing(entry["fieldsV1"], live)
        entries[:] = [entry for entry in entries if entry["fieldsV1"]]
        if owned := _existing(_fields(patch), live):
            entries.append({"manager": manager, "operation": "Update", "fieldsV1": owned, "time": time})
        if before != live:
            live["metadata"]["resourceVersion"] = str(next(self._versions))

    def model(self, key: Key) -> Manifest:
        return self.objects[GPUX_MODELS, *key]

    def isvc(self, key: Key) -> Manifest:
        return self.objects[INFERENCE_SERVICES, *key]

    def of(self, resource: Resource) -> Sequence[Manifest]:
        return [obj for (kind, _, _), obj in self.objects.items() if kind == resource]

    def kserve_and_kubelet(self, key: Key, ready: bool = True) -> None:
        """What KServe, the Deployment controller and a kubelet make of the InferenceService, at once."""
        isvc = self.isvc(key)
        owner = [{"kind": "InferenceService", "name": key.name, "uid": isvc["metadata"]["uid"], "controller": True}]
        predictor = isvc["spec"]["predictor"]
        count = predictor["minReplicas"]
        annotations = isvc["metadata"]["annotations"]
        labels = isvc["metadata"]["labels"] | {"serving.kserve.io/inferenceservice": key.name}
        name = f"{key.name}-predictor"
        serving = count if ready else 0
        self.objects[DEPLOYMENTS, key.namespace, name] = {
            "metadata": {"name": name, "namespace": key.namespace, "generation": 1, "ownerReferences": owner},
            "spec": {
                "replicas": count,
                "strategy": copy.deepcopy(predictor["deploymentStrategy"]),
                "template": {"metadata": {"annotations": annotations}},
            },
            "status": {
                "observedGeneration": 1,
                "replicas": count,
                "updatedReplicas": count,
                "availableReplicas": serving,
            },
        }
        for index in range(count):
            self.objects[PODS, key.namespace, f"{name}-{index}"] = {
                "metadata": {
                    "name": f"{name}-{index}",
                    "namespace": key.namespace,
                    "labels": labels,
                    "annotations": annotations,
                },
                "status": {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                },
            }
        metadata = {"namespace": key.namespace, "ownerReferences": owner}
        self.objects[SERVICES, key.namespace, name] = {"metadata": {**metadata, "name": name, "uid": "service"}}
        if labels.get("networking.kserve.io/visibility") != "cluster-local":  # otherwise KServe leaves it as it is
            self.objects[INGRESSES, *key] = {"metadata": {**metadata, "name": key.name, "uid": "ingress"}}
        isvc["status"] = {"conditions": [{"type": "PredictorReady", "status": "True" if ready else "Unknown"}]}

    def _call(self, verb: str, resource: Resource, name: str) -> _Call:
        return _Call(self, verb, resource, name)


class _Call:
    def __init__(self, api: FakeApi, verb: str, resource: Resource, name: str) -> None:
        self._api, self._verb, self._resource, self._name = api, verb, resource, name

    def __enter__(self) -> None:
        self._number = next(self._api.numbers)
        self._api.before(self._number, self._verb)
        self._api.calls.append((self._verb, self._resource.plural, self._name))
        if self._resource in self._api.missing_kinds:
            raise KindMissing(self._resource.plural)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._api.after(self._number, self._verb)


def _field(obj: Manifest, path: str) -> Any:
    for name in path.split("."):
        obj = obj.get(name, {})
    return obj


def _owned(desired: Manifest) -> Manifest:
    body = {name: value for name, value in desired.items() if name not in {"apiVersion", "kind"}}
    body["metadata"] = {
        name: value for name, value in body["metadata"].items() if name not in {"name", "namespace", "uid"}
    }
    return _fields(body)


def _fields(value: Any) -> Manifest:
    return {f"f:{name}": _fields(item) for name, item in value.items()} if isinstance(value, dict) else {}


def _prune(live: Any, old: Manifest, new: Manifest) -> None:
    for path, below in old.items():
        name = path.removeprefix("f:")
        if not isinstance(live, dict) or name not in live:
            continue
        if path not in new:
            del live[name]
        else:
            _prune(live[name], below, new[path])


def _merge_patch(live: Manifest, patch: Manifest) -> None:
    for name, value in patch.items():
        if value is None:
            live.pop(name, None)
        elif isinstance(value, dict):
            _merge_patch(live.setdefault(name, {}), value)
        else:
            live[name] = copy.deepcopy(value)


def _existing(owned: Manifest, live: Any) -> Manifest:
    """The fields that still are there."""
    names = {path: path.removeprefix("f:") for path in owned}
    return {
        path: _existing(below, live[names[path]])
        for path, below in owned.items()
        if isinstance(live, dict) and names[path] in live and path != "f:resourceVersion"
    }


def _merge(live: Manifest, desired: Manifest) -> None:
    for name, value in desired.items():
        if isinstance(value, dict) and isinstance(live.get(name), dict):
            _merge(live[name], value)
        else:
            live[name] = copy.deepcopy(value)


NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
IMAGES = Images("gpux-predictor:test", "gpux-predictor:test-gpu")


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def key() -> Key:
    return Key("prod", "sentiment")


@pytest.fixture
def manifest() -> Manifest:
    """The smallest valid model."""
    return {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "sentiment", "namespace": "prod"},
        "spec": {"model": {"source": {"uri": "s3://models/sentiment"}}},
    }


class FakePredictors:
    """Predictors by address, and the queue and the thread pool around `Predictors`: jobs run when a test says so."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Manifest] = {}
        self.asked: list[tuple[str, str]] = []
        self.jobs: list[Callable[[], None]] = []
        self.woken: list[Key] = []
        self.now = 0.0

    def fetch(self, address: str, path: str) -> Manifest | None:
        self.asked.append((address, path))
        return self.answers.get((address, path))

    def run(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def run_jobs(self) -> None:
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()

    def predictors(self) -> Predictors:
        return Predictors(self.fetch, self.woken.append, self.run, lambda: self.now)


@pytest.fixture
def asking() -> FakePredictors:
    return FakePredictors()


@pytest.fixture
def reconciler(api: FakeApi, asking: FakePredictors) -> Reconciler:
    return Reconciler(api, Platform(IMAGES), Recorder(api, "test", lambda: NOW), asking.predictors(), lambda: NOW)


@pytest.fixture
def images() -> Images:
    return IMAGES


@pytest.fixture
def now() -> datetime:
    return NOW
