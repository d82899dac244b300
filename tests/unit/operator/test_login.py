"""The ways to the API server."""

import json
import sys
from pathlib import Path

import pytest
import urllib3
import yaml

from gpux_operator.adapters.runner import connection_info
from gpux_operator.kube import login
from gpux_operator.kube.login import LoginError, by_kubeconfig, in_cluster, log_in
from gpux_operator.kube.transport import Transport

PLACE = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """What the kubelet mounts."""
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text("a certificate")
    return tmp_path


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    program = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "interactiveMode": "Never"}
    credential = json.dumps({**program, "kind": "ExecCredential", "status": {"token": "fetched"}})
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1", "insecure-skip-tls-verify": True}}],
        "users": [
            {"name": "u", "user": {"exec": {**program, "args": ["-c", "import sys; print(sys.argv[1])", credential]}}}
        ],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_pod_logs_in_by_its_service_account(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = in_cluster(account, PLACE)
    assert (found.server, found.ca_path, found.verify) == ("https://10.0.0.1:443", str(account / "ca.crt"), True)
    assert found.authorization() == "Bearer first"
    (account / "token").write_text("second")
    assert found.authorization() == "Bearer first", "not read for each request"
    monkeypatch.setattr(login, "_TOKEN_SECONDS", -1.0)
    assert found.authorization() == "Bearer second"
    (account / "token").unlink()
    assert found.authorization() == "Bearer second", "the old one may live on while the kubelet swaps the files"


def test_an_address_of_ipv6_is_bracketed(account: Path) -> None:
    assert in_cluster(account, PLACE | {"KUBERNETES_SERVICE_HOST": "fd00::1"}).server == "https://[fd00::1]:443"


def test_a_pod_that_lacks_a_part_is_told_which(account: Path) -> None:
    with pytest.raises(LoginError, match="KUBERNETES_SERVICE_HOST is not set"):
        in_cluster(account, {})
    (account / "token").unlink()
    with pytest.raises(LoginError, match="token cannot be read"):
        in_cluster(account, PLACE)
    (account / "ca.crt").unlink()
    with pytest.raises(LoginError, match=r"ca\.crt is missing"):
        in_cluster(account, PLACE)


def test_a_kubeconfig_may_name_a_program_that_fetches_tokens(kubeconfig: Path) -> None:
    found = log_in(str(kubeconfig))
    assert (found.server, found.verify) == ("http://127.0.0.1:1", False)
    assert found.authorization() == "Bearer fetched"


def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(LoginError, match="missing"):
        by_kubeconfig(str(tmp_path / "missing"))


def test_without_the_official_client_a_kubeconfig_says_what_to_install(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(LoginError, match=r"gpux-operator\[kubeconfig\]"):
        by_kubeconfig(str(kubeconfig))


def test_a_proxy_of_the_kubeconfig_is_on_the_way(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    content = yaml.safe_load(kubeconfig.read_text())
    content["clusters"][0]["cluster"] |= {"server": "https://10.0.0.1", "proxy-url": "http://127.0.0.1:2"}
    kubeconfig.write_text(yaml.safe_dump(content))
    found = log_in(str(kubeconfig))
    assert found.proxy == "http://127.0.0.1:2"
    assert connection_info(found).proxy_url == found.proxy
    transport = Transport(found)
    assert isinstance(transport._pool, urllib3.ProxyManager)
    transport.close()


def test_what_the_watches_cannot_honour_is_refused(kubeconfig: Path) -> None:
    content = yaml.safe_load(kubeconfig.read_text())
    content["clusters"][0]["cluster"]["tls-server-name"] = "other"
    kubeconfig.write_text(yaml.safe_dump(content))
    with pytest.raises(LoginError, match="tls-server-name"):
        log_in(str(kubeconfig))
