"""Beside objects and writes of others, with a real API server: real owners, real managedFields, the chart's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.operator.conftest import Kserve, Models

    from testcluster.api import Api

KSERVE = "serving.kserve.io/v1beta1"
Object = dict[str, Any]
pytestmark = pytest.mark.usefixtures("operator")


def ingress(models: Models, *owners: Object) -> Object:
    backend = {"service": {"name": "m-predictor", "port": {"number": 80}}}
    rule = {"host": "example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    metadata = {"name": "m", "namespace": models.namespace, "ownerReferences": list(owners)}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": {"rules": [rule]},
    }


def service(models: Models) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "m-predictor", "namespace": models.namespace},
        "spec": {"ports": [{"port": 80}]},
    }


def owner(isvc: Object) -> Object:
    uid = isvc["metadata"]["uid"]
    return {"apiVersion": KSERVE, "kind": "InferenceService", "name": "m", "uid": uid, "controller": True}


@pytest.mark.parametrize("made", [ingress, service])
def test_nothing_is_made_beside_a_namesake_that_kserve_would_take_over(
    models: Models, admin: Api, made: Callable[[Models], Object]
) -> None:
    theirs = admin.create(made(models))
    models.apply()
    assert f"{theirs['kind']} {theirs['metadata']['name']} exists" in models.becomes("NameConflict")["message"]
    assert models.condition("Accepted")["status"] == "False"
    assert models.isvc() is None
    assert models.config_maps() == []
    admin.delete(theirs["apiVersion"], theirs["kind"], theirs["metadata"]["name"], models.namespace)
    models.apply(serving={"env": [{"name": "A", "value": "b"}]})  # instead of a minute's wait
    models.becomes("WaitingForKServe")


def test_kserve_s_ingress_goes_when_a_model_becomes_cluster_local(models: Models, admin: Api, kserve: Kserve) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    admin.create(ingress(models, owner(models.has_isvc())))
    models.apply(serving={"visibility": "ClusterLocal"})
    models.becomes("NewestGenerationServes")
    assert admin.find("networking.k8s.io/v1", "Ingress", "m", models.namespace) is None


def test_an_ingress_with_a_finalizer_is_waited_for(models: Models, admin: Api, kserve: Kserve) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    lingering = ingress(models, owner(models.has_isvc()))
    lingering["metadata"]["finalizers"] = ["example.com/balancer"]
    admin.create(lingering)
    models.apply(serving={"visibility": "ClusterLocal"})
    assert "waits for example.com/balancer" in models.becomes("StillExposed")["message"]
    release = {"metadata": {"finalizers": None}}
    admin.patch("networking.k8s.io/v1", "Ingress", "m", release, models.namespace)
    models.becomes("NewestGenerationServes")


@pytest.mark.usefixtures("kserve")
def test_what_others_write_into_the_predictor_is_removed_after_a_while(models: Models, admin: Api) -> None:
    models.apply(rollout={"strategy": "Recreate"}, serving={"nodeSelector": {"zone": "a"}})
    models.becomes("NewestGenerationServes")
    before = models.has_isvc()["spec"]
    drift = {
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"disk": "ssd"},
        "affinity": {"nodeAffinity": {}},
    }
    admin.patch(KSERVE, "InferenceService", "m", {"spec": {"predictor": drift}}, models.namespace)
    eventually(lambda: models.has_isvc()["spec"] == before, SOON, "the drift is removed")
    models.becomes("NewestGenerationServes", timeout=SOON)


@pytest.mark.usefixtures("kserve")
def test_one_stopped_by_hand_says_so(models: Models, admin: Api) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    for value, reason in (("true", "Stopped"), (None, "NewestGenerationServes")):
        stop = {"metadata": {"annotations": {"serving.kserve.io/stop": value}}}
        admin.patch(KSERVE, "InferenceService", "m", stop, models.namespace)
        models.becomes(reason)
