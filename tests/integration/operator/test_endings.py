"""Namespaces and kinds that end while the operator works: it lets go of them, and of nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from testcluster import crds
from testcluster.waiting import SOON, consistently, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Models, Operator

    from testcluster.api import Api
    from testcluster.proxy import ApiProxy

MODELS = 20
CRD = Path(__file__).parents[3] / "crds" / "gpuxmodels.gpux.io.yaml"
pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0])
def test_a_namespace_is_deleted_while_its_models_get_their_children(
    proxied: Operator, proxy: ApiProxy, models: Models, admin: Api, seconds: float
) -> None:
    for number in range(MODELS):
        models.apply(f"m{number}")
    time.sleep(seconds)
    admin.delete("v1", "Namespace", models.namespace)
    eventually(lambda: admin.find("v1", "Namespace", models.namespace) is None, SOON, "the namespace is gone")
    eventually(lambda: asked_within(2, proxy, models.namespace) == 0, SOON, "what was under way is over")
    gone = about(proxy, models.namespace)
    time.sleep(33)  # who met the end of the namespace looks once more, after half a minute
    asked = about(proxy, models.namespace)
    assert asked - gone <= 2 * MODELS
    consistently(lambda: about(proxy, models.namespace) == asked, 10, "nothing is asked about it any more")
    status = [item for item in proxy.asked if item.path.endswith("/status") and models.namespace in item.path]
    assert len(status) <= 3 * MODELS
    assert proxied.metric("gpux_operator_queue_depth ") == 0
    assert "bug:" not in proxied.log()


def about(proxy: ApiProxy, namespace: str) -> int:
    return sum(f"/namespaces/{namespace}/" in asked.path for asked in proxy.asked)


def asked_within(seconds: float, proxy: ApiProxy, namespace: str) -> int:
    before = about(proxy, namespace)
    time.sleep(seconds)
    return about(proxy, namespace) - before


def test_the_kind_goes_and_comes_back(proxied: Operator, proxy: ApiProxy, models: Models, admin: Api) -> None:
    """With all models, whose children are collected; what comes back is served again."""
    models.apply("before")
    models.becomes("WaitingForKServe", "before")
    crds.remove(admin, "gpuxmodels.gpux.io")
    try:
        eventually(lambda: models.isvc("before") is None, SOON, "its children are collected")
        eventually(lambda: asked_within(10, proxy, models.namespace) <= 1, SOON, "nothing is asked about it any more")
        assert proxied.fetch(proxied.health_port, "/healthz")[0] == 200
    finally:
        crds.install(admin, [document for document in yaml.safe_load_all(CRD.read_text()) if document])
    models.apply("after")
    eventually(lambda: models.isvc("after"), SOON, "the new one is acted on")
    models.becomes("WaitingForKServe", "after")
    models.apply("after", serving={"replicas": {"min": 2}})
    eventually(lambda: models.has_isvc("after")["spec"]["predictor"]["minReplicas"] == 2, SOON, "it is watched again")
