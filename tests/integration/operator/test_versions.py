"""Versions that do not go together.

The CRD is newer than the operator: for the seconds of an upgrade, or after the operator alone went back. Kubernetes is older than both: a
proxy answers `/version` in the place of the API server.
"""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testcluster import crds
from testcluster.api import Api, ApiError
from testcluster.controlplane import ControlPlane
from testcluster.proxy import ApiProxy, Asked, Refusal
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Models, Operator

CRD = "gpuxmodels.gpux.io"


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


@pytest.mark.usefixtures("operator", "newer_crd", "kserve")
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


@pytest.mark.usefixtures("operator", "newer_crd", "kserve")
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


class Version(Refusal):
    """What an API server of another version says at /version."""

    def body(self) -> dict[str, Any]:
        return {"gitVersion": self.reason}


def answering(proxy: ApiProxy, version: str) -> None:
    def answer(asked: Asked) -> Refusal | None:
        return Version(200, version) if asked.path == "/version" else None

    proxy.refuse = answer


def checked(kubeconfig: Path, namespace: str) -> list[str]:
    """What `gpux-operator check` prints."""
    program = Path(sys.executable).with_name("gpux-operator")
    command = [str(program), "check", f"--kubeconfig={kubeconfig}", "-n", namespace]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def test_an_old_kubernetes_is_told_by_the_operator_at_its_start(proxied: Operator, proxy: ApiProxy) -> None:
    assert "is not supported" not in proxied.log()
    answering(proxy, "v1.29.14")
    proxied.terminate()
    proxied.start().ready()
    eventually(
        lambda: "Kubernetes v1.29.14 is not supported: upgrade the cluster to 1.30 or newer" in proxied.log(),
        SOON,
        "the log names the version",
    )


def test_the_version_is_the_first_line_of_check(control_plane: ControlPlane, tmp_path: Path, namespace: str) -> None:
    real = control_plane.api.request("GET", "/version")["gitVersion"]
    with ApiProxy(control_plane.admin_kubeconfig, tmp_path) as proxy:
        assert checked(proxy.kubeconfig, namespace)[0] == f"ok       Kubernetes {real}: 1.30 and newer are supported"
        answering(proxy, "v1.29.14")
        assert checked(proxy.kubeconfig, namespace)[0].startswith("failed   Kubernetes v1.29.14 is not supported: ")
