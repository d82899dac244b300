"""Integration tests run against one real control plane, started once; each test has a namespace of its own.

Helpers that are no fixtures are in `testcluster`: `waiting.eventually`, `isvc_crd.install` and `remove`,
`chart.chart_manifests`.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from testcluster import crds, isvc_crd, published_crds, tools
from testcluster.api import Api, Object
from testcluster.controlplane import TOOLS, ControlPlane
from testcluster.errors import ClusterError
from testcluster.waiting import SOON, eventually

NEEDED = (*TOOLS, "kube-scheduler", "kubectl", "helm", "promeval", "podmonitor", "netpol")
GPUX_CRD = Path(__file__).resolve().parents[2] / "crds" / "gpuxmodels.gpux.io.yaml"
LONG = (
    "operator/test_replicas.py",
    "operator/test_endings.py",
    "operator/test_watches.py",
    "operator/test_throttling.py",
    "operator/test_failures.py",
    "operator/test_lifecycle.py",
    "operator/test_kills.py",
    "operator/test_neighbours.py",
    "operator/test_access.py",
    "operator/test_contested.py",
    "operator/test_causes.py",
    "operator/test_modes.py",
    "operator/test_scaling.py",
    "charts/test_install.py",
    "predictor/tasks/test_crashes.py",
    "predictor/tasks/test_http.py",
    "predictor/tasks/test_store.py",
    "predictor/test_batching.py",
    "predictor/page/test_reference_rules.py",
    "predictor/batch_predictions/test_runs.py",
    "predictor/test_schemathesis.py",
    "predictor/test_docs.py",
)
"""The files that take the longest for their number of tests, those of each kind in their order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no worker begins one when the others have ended; within a file all stays as it is.

    Those of the predictor are dealt out evenly among the others: they compute, and the others wait for a cluster.
    """
    here = Path(__file__).parent
    ranks = {here / name: rank for rank, name in enumerate(LONG)}
    tests = Counter(item.path for item in items)
    ordered = sorted(tests, key=lambda path: (ranks.get(path, len(LONG)), -tests[path], path))
    kinds = [
        [path for path in ordered if (here / "predictor" in path.parents) is computes] for computes in (False, True)
    ]
    place = {path: rank / len(files) for files in kinds for rank, path in enumerate(files)}
    items.sort(key=lambda item: (place[item.path], item.path))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the tools before the first test: it takes minutes once, in view of the user and outside of any time limit.

    If that fails, only the tests that need them do, with the reason.
    """
    needed = any("built_tools" in getattr(item, "fixturenames", ()) for item in session.items)
    if needed and not session.config.option.collectonly:
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled(), suppress(ClusterError):
            tools.ensure(NEEDED)


@pytest.fixture(scope="session")
def built_tools() -> dict[str, Path]:
    """Where the tools are. Every test that needs one asks for this, in itself or through another fixture."""
    return tools.ensure(NEEDED)


@pytest.fixture(scope="session")
def control_plane(
    tmp_path_factory: pytest.TempPathFactory,
    built_tools: dict[str, Path],
) -> Iterator[ControlPlane]:
    """The control plane, with the CRDs of GpuxModel and InferenceService."""
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start([*_gpux_crds(), isvc_crd.inference_service_crd()])
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def admin(control_plane: ControlPlane) -> Api:
    """A client with all rights."""
    return control_plane.api


@pytest.fixture
def namespace(admin: Api) -> Iterator[str]:
    """A fresh namespace, complete with its service account."""
    made = admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}})
    name: str = made["metadata"]["name"]
    eventually(
        lambda: admin.find("v1", "ServiceAccount", "default", name),
        SOON,
        f"namespace {name} has its default service account",
    )
    yield name
    admin.delete("v1", "Namespace", name)


@pytest.fixture
def without_isvc_crd(admin: Api) -> Iterator[None]:
    """A cluster on which KServe has not been installed; `isvc_crd.install(admin)` lets it arrive."""
    isvc_crd.remove(admin)
    yield
    isvc_crd.install(admin)


@pytest.fixture(scope="module")
def gateway_api(control_plane: ControlPlane) -> Iterator[None]:
    """A cluster that has the Gateway API."""
    yield from _with(control_plane, published_crds.gateway_api())


@pytest.fixture(scope="module")
def prometheus_operator_kinds(control_plane: ControlPlane) -> Iterator[None]:
    """A cluster that has the kinds of the Prometheus Operator."""
    yield from _with(control_plane, published_crds.prometheus_operator())


def _with(control_plane: ControlPlane, published: list[Object]) -> Iterator[None]:
    crds.install(control_plane.api, published)
    yield
    for crd in published:
        crds.remove(control_plane.api, crd["metadata"]["name"])


def _gpux_crds() -> list[Object]:
    return [document for document in yaml.safe_load_all(GPUX_CRD.read_text()) if document] if GPUX_CRD.exists() else []
