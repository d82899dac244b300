"""The Gateway API, by its own CRDs: the way in from outside that KServe makes where it is set up so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from docblocks import ROOT
from testcluster.api import ApiError
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Models

    from testcluster.api import Api

GATEWAY = "gateway.networking.k8s.io/v1"
Object = dict[str, Any]
pytestmark = pytest.mark.usefixtures("gateway_api")


def route(models: Models, name: str) -> Object:
    """As KServe writes it for an InferenceService: owned by it, to its Service, with its timeout."""
    uid = models.has_isvc()["metadata"]["uid"]
    owner = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "name": "m", "uid": uid}
    rule = {
        "matches": [{"path": {"type": "RegularExpression", "value": "^/.*$"}}],
        "backendRefs": [{"kind": "Service", "name": "m-predictor", "namespace": models.namespace, "port": 80}],
        "timeouts": {"request": "60s"},
    }
    return {
        "apiVersion": GATEWAY,
        "kind": "HTTPRoute",
        "metadata": {
            "name": name,
            "namespace": models.namespace,
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": {
            "parentRefs": [{"kind": "Gateway", "name": "kserve-ingress-gateway", "namespace": "kserve"}],
            "hostnames": [f"{name}-{models.namespace}.example.com"],
            "rules": [rule],
        },
    }


@pytest.mark.usefixtures("operator", "kserve")
def test_the_url_needs_a_route_with_its_host_and_cluster_local_takes_all_routes_away(
    models: Models, admin: Api
) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    assert "url" not in models.get()["status"]
    for name in ("m", "m-predictor"):
        admin.create(route(models, name))
    host = f"m-{models.namespace}.example.com"
    eventually(lambda: models.get()["status"].get("url") == f"http://{host}", SOON, "the status has the URL")
    models.apply(serving={"visibility": "ClusterLocal"})
    models.becomes("NewestGenerationServes")
    assert "url" not in models.get()["status"]
    assert admin.list(GATEWAY, "HTTPRoute", models.namespace) == []


def test_the_canary_s_route_is_accepted_and_a_mistake_in_it_is_not(admin: Api, namespace: str) -> None:
    written = yaml.safe_load((ROOT / "examples" / "canary" / "route.yaml").read_text())
    stored = admin.apply(written, namespace)
    sent = {item["name"]: item["weight"] for item in stored["spec"]["rules"][0]["backendRefs"]}
    assert sent == {"review-stable-predictor": 90, "review-candidate-predictor": 10}
    [rule] = written["spec"]["rules"]
    for wrong in (
        {"backendRefs": [{**rule["backendRefs"][0], "wieght": 1}]},
        {"backendRefs": [{**rule["backendRefs"][0], "weight": -1}]},
        {"backendRefs": [{"name": "review-stable-predictor"}]},  # a Service needs a port
    ):
        with pytest.raises(ApiError):
            admin.apply({**written, "spec": {**written["spec"], "rules": [{**rule, **wrong}]}}, namespace)
