"""Keys and TLS of a model, seen by the operator: a real predictor on loopback, in the place of the container of a pod."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.integration.operator.test_causes import failed_mount, held_up_by_volumes, running

import onnxmodels
import predictorserver
from gpux_operator.engine.supported import complaint
from gpux_operator.kube.client import Client
from gpux_operator.kube.login import log_in
from gpux_operator.kube.transport import Transport
from mountedsecret import mount
from testcluster.api import ApiError
from testcluster.certs import Authority
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Kserve, Models

    from testcluster.api import Api

Object = dict[str, Any]
KEY = "k" * 32
ACCESS = {
    "apiKeys": {"secretRef": {"name": "callers"}, "publicDescription": True},
    "tls": {"secretRef": {"name": "certificate"}},
}
CLUSTER_LOCAL = {"visibility": "ClusterLocal"}
pytestmark = pytest.mark.usefixtures("operator")


def test_a_model_without_keys_says_so_over_tls_and_serves_once_there_is_one(
    models: Models, kserve: Kserve, tmp_path: Path
) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    (port,) = free_ports(1)
    status = running(ready=False)
    kserve.pod_status = lambda pod: status
    models.apply(access=ACCESS, serving={"port": port, **CLUSTER_LOCAL})
    path = tmp_path / "gpuxmodel.yaml"
    spec = {"model": {"source": {"uri": "file:///model.onnx"}}, "access": {"apiKeys": ACCESS["apiKeys"]}}
    path.write_text(
        yaml.safe_dump({"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": spec})
    )
    authority = Authority()
    pair = authority.issue("m", hosts=("127.0.0.1",))
    tls = mount(tmp_path / "tls", {"tls.crt": pair.certificate, "tls.key": pair.key})
    keys = mount(tmp_path / "keys", {})
    trust = ssl.create_default_context(cadata=authority.pair.certificate.decode())
    options = ("--model-dir", str(tmp_path), "--api-keys-dir", str(keys), "--tls-dir", str(tls))
    with predictorserver.serve(path, *options, ready=False, port=port, trust=trust) as server:
        found = models.becomes("InvalidApiKeys")
        assert "kubectl create secret generic callers --from-literal=" in found["message"]
        mount(keys, {"alice": KEY})
        server.wait_ready()
        ready = running(ready=True)
        kserve.pod_status = lambda pod: ready
        models.becomes("NewestGenerationServes")
        described = eventually(lambda: models.get()["status"].get("model"), SOON, "the model is described")
        assert described["provider"] == "CPUExecutionProvider"
        found = models.get()["status"]
        assert found["address"]["url"].startswith("https://")
        assert '-H "X-API-Key: $API_KEY"' in found["example"]


@pytest.mark.parametrize(
    ("volume", "secret", "command"),
    [
        ("gpux-api-keys", "callers", "kubectl create secret generic callers --from-literal=my-client="),
        ("gpux-tls", "certificate", "kubectl create secret tls certificate --cert=FILE --key=FILE"),
    ],
)
def test_a_secret_that_is_missing_is_told_with_the_command_that_makes_it(
    models: Models, kserve: Kserve, admin: Api, volume: str, secret: str, command: str
) -> None:
    """In the words of the kubelet, which starts no container before the Secret is there."""
    held_up = held_up_by_volumes()
    kserve.pod_status = lambda pod: held_up
    models.apply(access=ACCESS, serving=CLUSTER_LOCAL)
    (pod,) = eventually(lambda: admin.list("v1", "Pod", models.namespace), SOON, "there is a pod")
    mounted = {item["name"]: item["secret"]["secretName"] for item in pod["spec"]["volumes"] if "secret" in item}
    assert mounted[volume] == secret
    admin.create(failed_mount(pod, f'MountVolume.SetUp failed for volume "{volume}" : secret "{secret}" not found'))
    assert command in models.becomes("PodStartFailed", timeout=2 * SOON)["message"]


def test_tls_at_the_pods_of_a_public_model_is_refused(models: Models) -> None:
    with pytest.raises(ApiError, match="KServe's ingress speaks plain HTTP to pods"):
        models.apply(access={"tls": {"secretRef": {"name": "certificate"}}})


def test_the_version_of_the_cluster_is_asked_for_with_no_right_of_its_own(service_account: Path) -> None:
    version = Client(Transport(log_in(str(service_account)))).version()
    assert version.startswith("v1.")
    assert complaint(version) is None
