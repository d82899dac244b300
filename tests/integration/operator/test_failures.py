"""Crashes, restarts, and kinds that come late: nothing is lost, nothing done twice."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from testcluster import isvc_crd
from testcluster.chart import chart_manifests
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.operator.conftest import Kserve, Models, Operator

    from testcluster.api import Api
    from testcluster.controlplane import ControlPlane

Object = dict[str, Any]


def test_it_ends_cleanly_on_sigterm(stopped_operator: Operator, models: Models) -> None:
    operator = stopped_operator.start().ready()
    models.apply()
    models.becomes("WaitingForKServe")
    started = time.monotonic()
    assert operator.terminate() == 0
    assert time.monotonic() - started < 25, "less than a pod's grace period"
    operator.ended_without_traceback()


def test_what_happened_while_it_was_away_is_made_up_for(stopped_operator: Operator, models: Models, admin: Api) -> None:
    operator = stopped_operator.start().ready()
    for name in ("changed", "deleted", "drifted"):
        models.apply(name)
        models.has_isvc(name)
    operator.kill()
    models.apply("changed", serving={"replicas": {"min": 2}})
    models.delete("deleted")
    admin.patch(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        "drifted",
        {"spec": {"predictor": {"minReplicas": 9}}},
        models.namespace,
    )
    models.apply("new")
    operator.start()
    models.has_isvc("new")
    eventually(lambda: models.has_isvc("changed")["spec"]["predictor"]["minReplicas"] == 2, SOON, "the change arrived")
    eventually(lambda: models.has_isvc("drifted")["spec"]["predictor"]["minReplicas"] == 1, SOON, "the drift is undone")
    eventually(lambda: models.isvc("deleted") is None, SOON, "the deleted one is gone")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_any_moment_it_ends_in_the_same_state(
    stopped_operator: Operator, models: Models, kserve: Kserve, seed: int
) -> None:
    chance = random.Random(seed)
    operator = stopped_operator.start()
    steps: list[Callable[[], object]] = [
        lambda: models.apply("a"),
        lambda: models.apply("b", runtime={"gpu": {}}),
        lambda: models.apply("a", model={"source": {"uri": "s3://bucket/model"}, "version": "2"}),
        lambda: models.apply("c", serving={"replicas": {"min": 2}}),
        lambda: models.delete("b"),
        lambda: models.apply(
            "a", model={"source": {"uri": "s3://bucket/model"}, "version": "3"}, serving={"nodeSelector": {"zone": "a"}}
        ),
        lambda: models.apply("b"),
    ]
    for step in steps:
        step()
        time.sleep(chance.uniform(0, 1.5))
        operator.kill()
        operator.start()
    for name in ("a", "b", "c"):
        models.becomes("NewestGenerationServes", name, timeout=SOON)
        eventually(lambda name=name: len(models.config_maps(name)) == 1, SOON, f"{name} has one ConfigMap")  # type: ignore[misc]
        isvc = models.has_isvc(name)
        assert isvc["metadata"]["ownerReferences"][0]["uid"] == models.get(name)["metadata"]["uid"]
    assert models.has_isvc("a")["spec"]["predictor"]["nodeSelector"] == {"zone": "a"}
    assert models.get("c")["status"]["readyReplicas"] == 2
    assert "Traceback" not in operator.log()


def test_two_operators_at_once_do_no_harm(
    stopped_operator: Operator,
    service_account: Path,
    tmp_path: Path,
    models: Models,
    kserve: Kserve,
    settled_writes: Callable[..., list[str]],
) -> None:
    """As for a moment when one replaces the other."""
    second = type(stopped_operator)(service_account, tmp_path / "second.log")
    stopped_operator.start().ready()
    second.start().ready()
    try:
        for version in ("1", "2", "3"):
            models.apply(model={"source": {"uri": "s3://bucket/model"}, "version": version})
            models.becomes("NewestGenerationServes", timeout=SOON)
        eventually(lambda: len(models.config_maps()) == 1, SOON, "one ConfigMap is left")
        settled_writes(models.namespace, 5)
    finally:
        second.kill()


def test_the_api_server_restarts(stopped_operator: Operator, control_plane: ControlPlane, models: Models) -> None:
    operator = stopped_operator.start().ready()
    models.apply("before")
    models.has_isvc("before")
    control_plane.stop_apiserver()
    time.sleep(4)
    control_plane.start_apiserver()
    eventually(lambda: models.apply("after"), SOON, "the API server takes the model")
    eventually(lambda: models.isvc("after"), SOON, "the operator is back at work")
    assert operator.fetch(operator.health_port, "/healthz")[0] == 200


@pytest.mark.usefixtures("without_isvc_crd")
def test_kserve_comes_later(stopped_operator: Operator, models: Models, admin: Api) -> None:
    stopped_operator.start().ready()
    models.apply()
    assert "install KServe" in models.becomes("KServeNotInstalled")["message"]
    assert models.condition("Accepted")["status"] == "True"
    isvc_crd.install(admin)
    models.becomes("WaitingForKServe")
    drifted = {"spec": {"predictor": {"minReplicas": 7}}}
    time.sleep(2)
    admin.patch("serving.kserve.io/v1beta1", "InferenceService", "m", drifted, models.namespace)
    eventually(lambda: models.has_isvc()["spec"]["predictor"]["minReplicas"] == 1, SOON, "it is watched, too")


def test_kserve_goes_and_comes_back(stopped_operator: Operator, models: Models, admin: Api) -> None:
    operator = stopped_operator.start().ready()
    models.apply()
    models.has_isvc()
    isvc_crd.remove(admin)
    try:
        models.becomes("KServeNotInstalled")
    finally:
        isvc_crd.install(admin)
    models.becomes("WaitingForKServe", timeout=2 * SOON)
    assert models.isvc() is not None
    assert operator.fetch(operator.health_port, "/healthz")[0] == 200


def test_in_some_namespaces_only_with_roles_of_those(
    control_plane: ControlPlane,
    admin: Api,
    models: Models,
    tmp_path: Path,
    service_account: Path,
    make_operator: type[Operator],
) -> None:
    for manifest in chart_manifests({"watchNamespaces": [models.namespace], "fullnameOverride": "narrow"}):
        if manifest["kind"] in {"ServiceAccount", "Role", "RoleBinding"}:
            admin.apply(manifest)
    kubeconfig = control_plane.service_account_kubeconfig("gpux-system", "narrow")
    operator = make_operator(kubeconfig, tmp_path / "narrow.log", (models.namespace,)).start()
    try:
        operator.ready()
        models.apply()
        models.has_isvc()
        with contextlib.suppress(Exception):
            admin.create({**models.manifest("elsewhere"), "metadata": {"name": "elsewhere", "namespace": "default"}})
        models.becomes("WaitingForKServe")
        assert admin.find("serving.kserve.io/v1beta1", "InferenceService", "elsewhere", "default") is None
    finally:
        operator.kill()
        admin.delete("gpux.io/v1alpha1", "GpuxModel", "elsewhere", "default")
