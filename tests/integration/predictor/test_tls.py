"""TLS at the predictor: HTTP and gRPC, its versions, and a certificate that is renewed under load."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gpux_operator.adapters.http import Http
from mountedsecret import mount
from onnxmodels import identity
from predictorserver import PROGRAM, Server, serve
from testcluster.certs import Authority, KeyPair
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

MANIFEST = """
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {name: test}
spec:
  model: {source: {uri: "file://model.onnx"}}
  serving: {protocols: [v2, grpc], visibility: ClusterLocal}
  access: {tls: {secretRef: {name: certificate}}}
"""
BODY, ANSWER = {"x": [1, 2]}, {"y": [1.0, 2.0]}


def files(pair: KeyPair) -> dict[str, str | bytes]:
    """Of a Secret of type kubernetes.io/tls."""
    return {"tls.crt": pair.certificate, "tls.key": pair.key}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def trust(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.pair.certificate.decode())


@pytest.fixture(scope="module")
def grpc_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Path:
    return mount(tmp_path_factory.mktemp("tls"), files(authority.issue("first", hosts=("127.0.0.1", "localhost"))))


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, secret: Path, trust: ssl.SSLContext, grpc_port: int
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("model")
    identity(folder / "model.onnx")
    (folder / "gpuxmodel.yaml").write_text(MANIFEST)
    arguments = ("--tls-dir", str(secret), "--grpc-port", str(grpc_port))
    with serve(folder / "gpuxmodel.yaml", *arguments, trust=trust) as server:
        yield server


def address(server: Server) -> tuple[str, int]:
    return server.http.base_url.host, server.http.base_url.port or 0


def test_clients_that_trust_the_authority_are_answered(server: Server, authority: Authority, tmp_path: Path) -> None:
    assert server.http.post("/predict", json=BODY).json() == ANSWER
    large = {"x": [[1.0, 2.0]] * 4000}
    assert server.http.post("/predict", json=large).json() == {"y": large["x"]}
    trusted = tmp_path / "ca.crt"
    trusted.write_bytes(authority.pair.certificate)
    url = f"{server.http.base_url}/predict"
    assert requests.post(url, json=BODY, verify=str(trusted), timeout=10).json() == ANSWER
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(url, json=BODY, timeout=10)


def test_plain_http_is_not_answered(server: Server) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(str(server.http.base_url).replace("https", "http") + "/health")


@pytest.mark.parametrize(
    ("version", "answered"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("port", ["http", "grpc"])
def test_nothing_older_than_tls_1_2(
    server: Server, grpc_port: int, port: str, version: ssl.TLSVersion, answered: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the server that refuses
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"] if port == "grpc" else ["http/1.1"])
    host, http_port = address(server)
    with socket.create_connection((host, http_port if port == "http" else grpc_port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain) as wrapped:
                assert answered, wrapped.version()
        except OSError:
            assert not answered


def channel(port: int, authority: Authority) -> grpc.Channel:
    return grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(authority.pair.certificate))


def test_grpc_over_tls(server: Server, grpc_port: int, authority: Authority) -> None:
    request = health_pb2.HealthCheckRequest()
    with channel(grpc_port, authority) as secure:
        assert health_pb2_grpc.HealthStub(secure).Check(request).status == health_pb2.HealthCheckResponse.SERVING
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as plain, pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
        health_pb2_grpc.HealthStub(plain).Check(request, timeout=5)


def test_the_operator_hears_it(server: Server) -> None:
    """By the pod's address, which no certificate is for, as the kubelet's probes ask."""
    host, port = address(server)
    assert Http().fetch(f"https://{host}:{port}", "/health") == {"status": "healthy", "model": "test"}


def names(host: str, port: int) -> str:
    """The common name of the certificate that a new connection gets."""
    return common_name(ssl.get_server_certificate((host, port), timeout=10))


def common_name(pem: str) -> str:
    found = x509.load_pem_x509_certificate(pem.encode()).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value)


def test_a_renewed_certificate_is_taken_without_a_restart(
    server: Server, secret: Path, authority: Authority, grpc_port: int, trust: ssl.SSLContext
) -> None:
    """New connections get it, open ones go on, none fails; a pair that does not fit leaves the last one."""
    ended, failed, right = threading.Event(), [], [0]

    def ask(*, anew: bool) -> None:
        client = httpx.Client(base_url=server.http.base_url, verify=trust)
        while not ended.is_set():
            try:
                if anew:
                    client.close()
                    client = httpx.Client(base_url=server.http.base_url, verify=trust)
                assert client.post("/predict", json=BODY).json() == ANSWER
                right[0] += 1
            except Exception as error:
                failed.append(error)
        client.close()

    threads = [threading.Thread(target=ask, kwargs={"anew": anew}) for anew in (False, True)]
    for thread in threads:
        thread.start()
    host, port = address(server)
    for name in ("second", "third"):
        mount(secret, files(authority.issue(name, hosts=("127.0.0.1",))))
        eventually(lambda: names(host, port) == name, SOON, "HTTP has the new certificate")  # noqa: B023
        eventually(lambda: names(host, grpc_port) == name, SOON, "gRPC has it, too")  # noqa: B023
    mount(secret, {**files(authority.issue("fourth")), "tls.key": authority.issue("other").key})
    eventually(lambda: "cannot be used, what was there before still counts" in server.log.read_text(), SOON, "a word")
    assert (names(host, port), names(host, grpc_port)) == ("third", "third")
    ended.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert right[0] > 50
    mount(secret, files(authority.issue("first", hosts=("127.0.0.1", "localhost"))))
    eventually(lambda: names(host, port) == "first", SOON, "what can be used is taken again")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("called", ["localhost", None])
def test_a_certificate_of_another_kind_of_key_is_taken(
    server: Server, secret: Path, authority: Authority, grpc_port: int, version: ssl.TLSVersion, called: str | None
) -> None:
    """OpenSSL keeps one of each kind, and would go on with the first; clients that name no host get the new one, too."""
    key = rsa.generate_private_key(65537, 2048)
    hosts = ("127.0.0.1", "localhost")
    try:
        mount(secret, files(authority.issue("rsa", hosts=hosts, key=key)))
        eventually(lambda: shown(server, version, called) == "rsa", SOON, "HTTP has the certificate of RSA")
        eventually(lambda: names("127.0.0.1", grpc_port) == "rsa", SOON, "gRPC has it, too")
    finally:
        mount(secret, files(authority.issue("first", hosts=hosts)))
    eventually(lambda: shown(server, version, called) == "first", SOON, "and back")


def shown(server: Server, version: ssl.TLSVersion, called: str | None) -> str:
    """The common name that a client sees that speaks this version, and calls the server so (SNI) or not at all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["http/1.1"])
    with (
        socket.create_connection(address(server), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=called) as wrapped,
    ):
        assert wrapped.selected_alpn_protocol() == "http/1.1"
        return common_name(ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True) or b""))


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    identity(tmp_path / "model.onnx")
    (tmp_path / "gpuxmodel.yaml").write_text(MANIFEST)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=x"]
    command += ["-passout", "pass:secret", "-keyout", "tls.key", "-out", "tls.crt"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    run = subprocess.run(
        [PROGRAM, "serve", "gpuxmodel.yaml", "--tls-dir", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "the key is encrypted" in run.stderr
