"""The CRD is of another version than the operator: for the seconds of an upgrade, or after the operator alone went back."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from testcluster import crds
from testcluster.api import Api, ApiError
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Models

CRD = "gpuxmodels.gpux.io"
pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture
def newer_crd(admin: Api, namespace: str) -> Iterator[None]:
    """One with a field, and with a value of a field, that this operator does not know."""
    stored = admin.get(crds.API_VERSION, crds.KIND, CRD)
    old = {"apiVersion": crds.API_VERSION, "kind": crds.KIND, "metadata": {"name": CRD}, "spec": stored["spec"]}
    new = copy.deepcopy(old)
    serving = new["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["serving"]
    serving["properties"]["turbo"] = {"type": "boolean"}
    serving["properties"]["visibility"]["enum"].append("Galaxy")
    admin.patch(crds.API_VERSION, crds.KIND, CRD, {"spec": new["spec"]})
    eventually(lambda: _takes(admin, namespace), SOON, "the API server goes by the newer CRD")
    yield
    admin.patch(crds.API_VERSION, crds.KIND, CRD, {"spec": old["spec"]})
    eventually(lambda: not _takes(admin, namespace), SOON, "the API server goes by our CRD again")


def _takes(admin: Api, namespace: str) -> bool:
    spec = {"model": {"source": {"uri": "s3://bucket/model"}}, "serving": {"turbo": True}}
    body = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "asked"}, "spec": spec}
    path = admin.path("gpux.io/v1alpha1", "GpuxModel", namespace)
    try:
        admin.request("POST", path, body, params={"dryRun": "All", "fieldValidation": "Strict"})
    except ApiError as error:
        return "turbo" not in str(error)
    return True


def events(models: Models, reason: str) -> list[dict[str, Any]]:
    return [item for item in models.api.list("v1", "Event", models.namespace) if item["reason"] == reason]


@pytest.mark.usefixtures("newer_crd", "kserve")
def test_fields_of_a_newer_crd_are_ignored_and_told(models: Models) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    written = models.apply(serving={"turbo": True, "replicas": {"min": 2}})["spec"]
    accepted = models.becomes("FieldsIgnored", kind="Accepted")
    assert accepted["status"] == "True"
    assert "does not know spec.serving.turbo, " in accepted["message"]
    models.becomes("NewestGenerationServes")
    assert models.has_isvc()["spec"]["predictor"]["minReplicas"] == 2, "the rest of the spec counts"
    assert models.get()["spec"] == written, "what the user wrote stays"
    told = eventually(lambda: events(models, "FieldsIgnored"), SOON, "an event tells it")
    assert [item["type"] for item in told] == ["Warning"]
    models.apply()
    models.becomes("Valid", kind="Accepted")


@pytest.mark.usefixtures("newer_crd", "kserve")
def test_a_value_of_a_newer_crd_is_invalid_and_what_serves_stays(models: Models) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    before = models.has_isvc()["spec"]
    models.apply(serving={"visibility": "Galaxy", "turbo": True})
    message = models.becomes("InvalidSpec", kind="Accepted")["message"]
    assert message.startswith(
        "spec.serving.visibility: Input should be 'Public' or 'ClusterLocal' (it was stored by a CRD"
    )
    assert models.condition("Available")["status"] == "True"
    assert models.has_isvc()["spec"] == before
