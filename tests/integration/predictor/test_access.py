"""API keys, rate limits and CORS of a real server, through the clients that people use, on each of its ways in."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import requests
import tritonclient.http
import websockets.sync.client
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import InferenceServerException
from websockets.exceptions import InvalidStatus

from mountedsecret import mount
from onnxmodels import identity
from predictorserver import PROGRAM, Server, serve
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

ALICE, BOB = "alice-" + "a" * 26, "bob-" + "b" * 28
BODY = {"x": [1, 2]}
ANSWER = {"y": [1.0, 2.0]}
PAGE = "https://app.example.com"
MISSING = "This model wants an API key: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"


def manifest(folder: Path, **access: Any) -> Path:
    identity(folder / "model.onnx")
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "test"},
        "spec": {
            "model": {"source": {"uri": "file://model.onnx"}},
            "serving": {"protocols": ["v1", "v2", "grpc"], "visibility": "ClusterLocal"},
            **({"access": access} if access else {}),
        },
    }
    path = folder / "gpuxmodel.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def keyed(folder: Path, **more: Any) -> Path:
    return manifest(folder, apiKeys={"secretRef": {"name": "callers"}, **more})


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mount(tmp_path_factory.mktemp("keys"), {"alice": ALICE, "bob": BOB + "\n"})


@pytest.fixture(scope="module")
def grpc_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, secret: Path, grpc_port: int) -> Iterator[Server]:
    arguments = ("--api-keys-dir", str(secret), "--grpc-port", str(grpc_port))
    with serve(keyed(tmp_path_factory.mktemp("model")), *arguments) as server:
        yield server


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def x_api_key(key: str) -> dict[str, str]:
    return {"X-API-Key": key}


SENDS = [bearer, x_api_key]
CLOSED = [
    ("POST", "/predict"), ("POST", "/predict/"), ("GET", "/predict"), ("POST", "/predict/async"), ("GET", "/predict/upcoming"),
    ("GET", "/predict/batch/1"), ("GET", "/monitoring/queue"), ("GET", "/monitoring/tasks"),
    ("GET", "/monitoring/task_status/x"), ("DELETE", "/monitoring/task_status/x"), ("GET", "/info"), ("GET", "/model/info"),
    ("GET", "/openapi.json"), ("GET", "/page/form.json"), ("GET", "/v1/models"), ("GET", "/v1/models/test"),
    ("POST", "/v1/models/test:predict"), ("GET", "/v2"), ("GET", "/v2/models"), ("GET", "/v2/models/test"),
    ("GET", "/v2/models/test/ready"), ("POST", "/v2/models/test/infer"), ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/test/unload"), ("GET", "/nowhere"), ("GET", "/health/"), ("GET", "//health"),
    ("GET", "/health/../info"), ("GET", "/page/../info"), ("GET", "/page/form%2Ejson"), ("OPTIONS", "/predict"),
]  # fmt: skip


def raw(server: Server, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """The path goes out as it is: httpx would take `..` away."""
    import http.client  # noqa: PLC0415

    connection = http.client.HTTPConnection(server.http.base_url.host, server.http.base_url.port, timeout=10)
    connection.request(method, path, b'{"x": [1, 2]}', {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, content


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_every_path_but_those_of_probes_is_closed(server: Server, method: str, path: str) -> None:
    for headers in ({}, bearer("wrong" * 8), x_api_key(ALICE[:-1])):
        status, answered, content = raw(server, method, path, **headers)
        assert status == 401, content
        assert answered["www-authenticate"].startswith('Bearer realm="test"')
        key = "error" if path.startswith(("/v1/", "/v2")) else "detail"
        assert MISSING.encode() in content if not headers else b"Unknown API key" in content
        assert content.startswith(b'{"%b":' % key.encode())
    status, _, content = raw(server, method, path, **bearer(ALICE))
    assert status != 401, content


@pytest.mark.parametrize(
    "path", ["/health", "/metrics", "/v2/health/live", "/v2/health/ready", "/", "/docs", "/%68ealth"]
)
def test_probes_and_prometheus_need_no_key(server: Server, path: str) -> None:
    assert raw(server, "GET", path)[0] == 200


@pytest.mark.parametrize("send", SENDS)
def test_clients_of_http_send_a_key(server: Server, send: Callable[[str], dict[str, str]]) -> None:
    url = f"{server.http.base_url}/predict"
    assert requests.post(url, json=BODY, headers=send(BOB), timeout=10).json() == ANSWER
    assert httpx.post(url, json=BODY, headers=send(ALICE)).json() == ANSWER
    assert server.http.post("/v1/models/test:predict", json={"instances": [[1, 2]]}, headers=send(BOB)).json() == {
        "predictions": [[1.0, 2.0]]
    }
    large = {"x": [[1.0, 2.0]] * 4000}  # beyond what goes the short way
    assert server.http.post("/predict", json=large, headers=send(BOB)).json() == {"y": large["x"]}
    assert server.http.post("/predict", json=large).status_code == 401


def resident(server: Server) -> int:
    """MiB of memory that the process has now."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


def test_the_body_of_who_is_refused_is_not_kept(server: Server) -> None:
    """Each has its answer before its body: what comes then is read, so that the connection goes on, and dropped."""
    head = b"POST /v2/models/test/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (100 * 2**20)
    before, links = resident(server), []
    try:
        for _ in range(3):
            links.append(link := socket.create_connection(address(server), timeout=30))
            link.sendall(head)
            assert link.recv(4096).startswith(b"HTTP/1.1 401 ")
            for _ in range(60):
                link.sendall(bytes(2**20))
        assert resident(server) - before < 60
    finally:
        for link in links:
            link.close()


def address(server: Server) -> tuple[str, int]:
    return server.http.base_url.host, server.http.base_url.port or 0


@pytest.mark.parametrize("path", ["/predict", "/predict?x=1", "/v1/models/test:predict"])
@pytest.mark.parametrize("late", [False, True])
def test_a_key_in_a_trailer_lets_nobody_in(server: Server, path: str, late: bool) -> None:
    """Nor does one beside the key of the head make two. RFC 9110, 6.5.1: trailers are not for authentication."""
    for headers, trailer, status in (("", ALICE, 401), (f"X-API-Key: {BOB}\r\n", ALICE, 200)):
        body = b'{"x": [1, 2], "instances": [[1, 2]]}' if "v1" in path else b'{"x": [1, 2]}'
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Transfer-Encoding: chunked\r\n\r\n".encode()
        rest = b"%x\r\n%b\r\n0\r\nX-API-Key: %b\r\n\r\n" % (len(body), body, trailer.encode())
        with socket.create_connection(address(server), timeout=10) as link:
            for segment in (head, rest) if late else (head + rest,):
                link.sendall(segment)
                time.sleep(0.05)
            assert int(link.recv(4096).split(b" ")[1]) == status


def test_two_keys_in_a_request_are_refused(server: Server) -> None:
    answer = server.http.post("/predict", json=BODY, headers={**bearer(ALICE), **x_api_key(ALICE)})
    assert (answer.status_code, answer.json()["detail"][:25]) == (401, "More than one API key in ")
    assert 'error="invalid_request"' in answer.headers["www-authenticate"]


def test_triton_over_http_sends_a_key(server: Server) -> None:
    client = tritonclient.http.InferenceServerClient(server.http.base_url.netloc.decode())
    item = tritonclient.http.InferInput("x", [1, 2], "FP32")
    item.set_data_from_numpy(np.array([[1, 2]], np.float32))
    result = client.infer("test", [item], headers=bearer(ALICE))
    np.testing.assert_array_equal(result.as_numpy("y"), [[1, 2]])
    assert client.is_server_live()
    assert client.is_server_ready()
    for headers in (None, bearer("x" * 32)):
        with pytest.raises(InferenceServerException, match="API key") as raised:
            client.infer("test", [item], headers=headers)
        assert raised.value.status() == "401"
    client.close()


TRITON = """
import sys
import numpy as np
import tritonclient.grpc
from tritonclient.utils import InferenceServerException
client = tritonclient.grpc.InferenceServerClient(sys.argv[1])
item = tritonclient.grpc.InferInput("x", [1, 2], "FP32")
item.set_data_from_numpy(np.array([[1, 2]], np.float32))
for headers in ({"authorization": "Bearer " + sys.argv[2]}, {"x-api-key": sys.argv[2]}):
    assert client.infer("test", [item], headers=headers).as_numpy("y").tolist() == [[1, 2]]
    assert client.is_model_ready("test", headers=headers)
assert client.is_server_live() and client.is_server_ready()
try:
    client.infer("test", [item])
except InferenceServerException as error:
    assert error.status() == "StatusCode.UNAUTHENTICATED", error.status()
else:
    raise SystemExit("let in without a key")
"""


def test_triton_over_grpc_sends_a_key(server: Server, grpc_port: int) -> None:
    """A program of its own: tritonclient.grpc and kserve register the same messages."""
    run = subprocess.run(
        [sys.executable, "-c", TRITON, f"127.0.0.1:{grpc_port}", ALICE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def infer_request() -> Any:
    tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, 2])
    tensor.contents.fp32_contents.extend([1, 2])
    return pb.ModelInferRequest(model_name="test", inputs=[tensor])


def code(call: Callable[[], object]) -> grpc.StatusCode:
    try:
        call()
    except grpc.RpcError as error:
        found: grpc.StatusCode = error.code()
        return found
    return grpc.StatusCode.OK


def test_every_call_over_grpc_but_those_of_probes_is_closed(server: Server, grpc_port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        stub, health = GRPCInferenceServiceStub(channel), health_pb2_grpc.HealthStub(channel)
        calls = {
            "ModelInfer": (stub.ModelInfer, infer_request()),
            "ModelReady": (stub.ModelReady, pb.ModelReadyRequest(name="test")),
            "ModelMetadata": (stub.ModelMetadata, pb.ModelMetadataRequest(name="test")),
            "ServerMetadata": (stub.ServerMetadata, pb.ServerMetadataRequest()),
        }
        for method, request in calls.values():
            for metadata in ((), (("x-api-key", "x" * 32),), (("authorization", f"Basic {ALICE}"),)):
                assert code(lambda: method(request, metadata=metadata)) is grpc.StatusCode.UNAUTHENTICATED  # noqa: B023
            for metadata in ((("x-api-key", ALICE),), (("authorization", f"Bearer {ALICE}"),)):
                assert code(lambda: method(request, metadata=metadata)) is grpc.StatusCode.OK  # noqa: B023
        unload = channel.unary_unary("/inference.GRPCInferenceService/RepositoryModelUnload")
        assert code(lambda: unload(b"")) is grpc.StatusCode.UNAUTHENTICATED
        assert stub.ServerLive(pb.ServerLiveRequest()).live
        assert stub.ServerReady(pb.ServerReadyRequest()).ready
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def test_a_websocket_gets_nowhere(server: Server) -> None:
    url = f"ws://{server.http.base_url.netloc.decode()}/predict"
    for headers in ({}, bearer(ALICE)):
        with (
            pytest.raises(InvalidStatus, match="403"),
            websockets.sync.client.connect(url, additional_headers=headers),
        ):
            pass


def test_metrics_name_clients_and_nothing_shows_a_key(server: Server) -> None:
    before = server.http.get("/metrics").text
    assert server.http.post("/predict", json=BODY, headers=bearer(BOB)).status_code == 200
    assert server.http.get("/info", headers=bearer(BOB)).status_code == 200
    assert server.http.get("/info").status_code == 401
    after = server.http.get("/metrics").text
    name = 'prediction_client_requests_total{client="bob"}'
    assert value(after, name) == value(before, name) + 2
    refused = 'prediction_refused_requests_total{reason="unauthorized"}'
    assert value(after, refused) == value(before, refused) + 1
    said = after + server.log.read_text() + server.http.get("/openapi.json", headers=bearer(BOB)).text
    assert ALICE not in said
    assert BOB not in said
    assert "alice, bob" in server.log.read_text()


def value(text: str, name: str) -> float:
    return next((float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)), 0.0)


def test_the_document_has_the_keys(server: Server) -> None:
    found = server.http.get("/openapi.json", headers=bearer(ALICE)).json()
    assert set(found["components"]["securitySchemes"]) == {"bearer", "apiKey"}
    assert found["security"] == [{"bearer": []}, {"apiKey": []}]
    assert found["paths"]["/health"]["get"]["security"] == []
    predict = found["paths"]["/predict"]["post"]
    assert "security" not in predict
    assert "401" in predict["responses"]


def test_what_describes_the_model_can_be_open(tmp_path: Path, secret: Path) -> None:
    with serve(keyed(tmp_path, publicDescription=True), "--api-keys-dir", str(secret)) as server:
        for path in ("/info", "/model/info", "/openapi.json"):
            assert server.http.get(path).status_code == 200
        assert server.http.get("/openapi.json").json()["paths"]["/info"]["get"]["security"] == []
        assert server.http.get("/v2/models/test").status_code == 401
        assert server.http.post("/predict", json=BODY).status_code == 401


def test_keys_change_under_load_without_one_wrong_answer(tmp_path: Path) -> None:
    """A key that counts always lets in; one that has gone is out within seconds, on connections that are open, too."""
    keys = mount(tmp_path / "keys", {"alice": ALICE, "bob": BOB})
    (tmp_path / "model").mkdir()
    with serve(keyed(tmp_path / "model"), "--api-keys-dir", str(keys)) as server:
        ended, wrong, right = threading.Event(), [], [0]

        def ask() -> None:
            with httpx.Client(base_url=server.http.base_url, headers=bearer(BOB)) as client:
                while not ended.is_set():
                    answer = client.post("/predict", json=BODY)
                    right[0] += 1
                    if (answer.status_code, answer.json()) != (200, ANSWER):
                        wrong.append(answer.text)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        lasting = httpx.Client(base_url=server.http.base_url)
        old = ALICE
        for number in range(4):
            new = f"alice-{number}-" + "n" * 24
            mount(keys, {"alice": f"{new} {old}", "bob": BOB})
            eventually(lambda: asks(lasting, new), SOON, "the new key lets in")  # noqa: B023
            assert asks(lasting, old), "both count while one follows the other"
            mount(keys, {"alice": new, "bob": BOB})
            eventually(lambda: not asks(lasting, old), SOON, "the old key is out")  # noqa: B023
            assert asks(lasting, new)
            old = new
        mount(keys, {"bob": BOB, "broken": "short"})
        eventually(lambda: not asks(lasting, old), SOON, "alice is out")
        ended.set()
        for thread in threads:
            thread.join()
        lasting.close()
        assert wrong == []
        assert right[0] > 100
        assert "the entry broken of the API keys is left out: it has a key of 5 characters" in server.log.read_text()
        mount(keys, {})
        eventually(
            lambda: server.http.post("/predict", json=BODY, headers=bearer(BOB)).status_code == 401, SOON, "all out"
        )
        assert "nobody is let in" in server.log.read_text()


def asks(client: httpx.Client, key: str) -> bool:
    return client.post("/predict", json=BODY, headers=bearer(key)).status_code == 200


@pytest.mark.parametrize("files", [{}, {"alice": ""}, {"alice": "short"}])
def test_without_any_key_nobody_is_let_in_and_health_says_why(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    keys = mount(tmp_path / "keys", files)
    (tmp_path / "model").mkdir()
    with serve(keyed(tmp_path / "model"), "--api-keys-dir", str(keys), ready=False) as server:
        health = server.http.get("/health")
        assert (health.status_code, health.json()["reason"]) == (503, "InvalidApiKeys")
        assert "kubectl create secret generic callers --from-literal" in health.json()["detail"]
        for headers in ({}, bearer(""), bearer("short"), x_api_key("")):
            assert raw(server, "POST", "/predict", **headers)[0] == 401
        assert server.http.get("/v2/health/live").status_code == 200, "no restart would help"
        mount(keys, {"alice": ALICE})
        server.wait_ready()
        assert asks(server.http, ALICE)


def test_one_that_waits_for_keys_ends_when_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    with serve(keyed(tmp_path), "--api-keys-dir", str(tmp_path / "keys"), ready=False) as server:
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("access", "options", "words"),
    [
        ({"apiKeys": {"secretRef": {"name": "k"}}}, (), "spec.access.apiKeys is set: give the keys by --api-keys-dir DIR"),
        ({}, ("--api-keys-dir", "."), "--api-keys-dir is for spec.access.apiKeys"),
        ({"tls": {"secretRef": {"name": "k"}}}, (), "spec.access.tls is set: give the certificate by --tls-dir DIR"),
        ({}, ("--tls-dir", "."), "the certificate in . cannot be used"),
    ],
)  # fmt: skip
def test_what_is_to_be_closed_is_never_served_open(
    tmp_path: Path, access: dict[str, Any], options: tuple[str, ...], words: str
) -> None:
    run = subprocess.run(
        [PROGRAM, "serve", manifest(tmp_path, **access), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode in {1, 2}
    assert words in " ".join(run.stderr.replace("│", " ").split())


LIMIT = {"requestsPerSecond": 2, "burst": 5}


MOST_ASKED = 50
"""Until one is refused; where nobody waits, the sixth is."""


def until_refused(server: Server, path: str) -> httpx.Response:
    for _ in range(MOST_ASKED):
        answer = server.http.post(path, json=BODY, headers=bearer(ALICE))
        if answer.status_code == 429:
            return answer
    raise AssertionError(f"{MOST_ASKED} requests were let in: {answer.status_code}")


def test_a_client_that_asks_too_fast_waits_and_others_do_not(tmp_path: Path, secret: Path) -> None:
    port = free_ports(1)[0]
    arguments = ("--api-keys-dir", str(secret), "--grpc-port", str(port))
    with serve(keyed(tmp_path, rateLimit=LIMIT), *arguments) as server:
        answers = [server.http.post("/predict", json=BODY, headers=bearer(ALICE)) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 5
        assert answers[0].headers["ratelimit-policy"] == '"client";q=5;w=3'
        left = [int(answer.headers["ratelimit"].split(";")[1][2:]) for answer in answers]
        assert left[0] == 4
        assert left[-1] < 4, "two come back in a second"
        for path in ("/predict", "/v2/models/test/infer", "/nowhere"):
            refused = until_refused(server, path)
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["ratelimit"].startswith('"client";r=0;t=')
            text = refused.json()["error" if "v2" in path else "detail"]
            assert (
                text
                == "Client 'alice' sends more than 2 requests a second (spec.access.apiKeys.rateLimit): try again in 1 s"
            )
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            infer = GRPCInferenceServiceStub(channel).ModelInfer
            metadata = (("x-api-key", ALICE),)
            codes = (code(lambda: infer(infer_request(), metadata=metadata)) for _ in range(MOST_ASKED))
            assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
            assert code(lambda: infer(infer_request(), metadata=(("x-api-key", BOB),))) is grpc.StatusCode.OK
        assert asks(server.http, BOB)
        assert server.http.get("/health").status_code == 200
        time.sleep(1)
        assert asks(server.http, ALICE), "after what Retry-After said"
        assert value(server.http.get("/metrics").text, 'prediction_refused_requests_total{reason="rate_limited"}') >= 4


def test_a_request_that_changes_its_way_costs_one_token(tmp_path: Path, secret: Path) -> None:
    """A small body that the shortcut leaves to the ordinary way, here for its error, is counted once."""
    with serve(
        keyed(tmp_path, rateLimit={"requestsPerSecond": 1, "burst": 6}), "--api-keys-dir", str(secret)
    ) as server:
        bad = [server.http.post("/predict", json={"z": 1}, headers=bearer(BOB)) for _ in range(3)]
        assert [answer.status_code for answer in bad] == [400] * 3
        left = [int(answer.headers["ratelimit"].split(";")[1][2:]) for answer in bad]
        assert left[0] == 5
        assert left[-1] >= 3, "counted twice it would be none, and one comes back in a second"
        assert value(server.http.get("/metrics").text, 'prediction_client_requests_total{client="bob"}') == 3


def test_the_request_log_names_the_client(tmp_path: Path, secret: Path) -> None:
    with serve(keyed(tmp_path), "--api-keys-dir", str(secret), "--log-requests") as server:
        assert asks(server.http, ALICE)
        assert server.http.get("/info").status_code == 401

        def logged(*words: str) -> list[str]:
            lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
            return [line for line in lines if all(word in line for word in words)]

        eventually(lambda: logged('"path":"/predict"', '"client":"alice"'), SOON, "the client is named")
        [refused] = eventually(lambda: logged('"path":"/info","status":401'), SOON, "so is who was refused")
        assert "client" not in refused
        assert ALICE not in server.log.read_text()


def test_a_client_does_not_meet_the_idempotency_keys_of_another(server: Server) -> None:
    def submit(key: str, body: dict[str, Any]) -> httpx.Response:
        return server.http.post("/predict/async", json=body, headers={**bearer(key), "Idempotency-Key": "order-7"})

    first, again, other = submit(ALICE, BODY), submit(ALICE, BODY), submit(BOB, {"x": [3, 4]})
    assert first.status_code == other.status_code == 202
    assert first.json() == again.json() != other.json()
    assert submit(BOB, BODY).status_code == 422
    url = first.json()["status_url"]
    assert server.http.get(url).status_code == 401
    polled = server.http.get(f"{url}?wait=10", headers=bearer(BOB)).json()
    assert (polled["status"], polled["result"]) == ("success", ANSWER), "an id is enough for whoever has a key"
    assert server.http.get("/monitoring/tasks", headers=bearer(BOB)).status_code == 404, "no list unless it is wanted"


PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,x-api-key,authorization,idempotency-key",
}


def test_pages_that_are_named_may_ask_and_others_may_not(tmp_path: Path, secret: Path) -> None:
    access = {"apiKeys": {"secretRef": {"name": "k"}}, "cors": {"allowedOrigins": [PAGE]}}
    with serve(manifest(tmp_path, **access), "--api-keys-dir", str(secret)) as server:
        preflight = server.http.options("/predict", headers=PREFLIGHT)
        assert preflight.status_code == 200, "without a key: browsers send none"
        assert preflight.headers["access-control-allow-origin"] == PAGE
        assert "x-api-key" in preflight.headers["access-control-allow-headers"].lower()
        assert (
            server.http.options("/predict", headers={**PREFLIGHT, "Origin": "https://evil.example"}).status_code == 400
        )
        answer = server.http.post("/predict", json=BODY, headers={**bearer(ALICE), "Origin": PAGE})
        assert (answer.json(), answer.headers["access-control-allow-origin"]) == (ANSWER, PAGE)
        assert "Server-Timing" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers
        refused = server.http.post("/predict", json=BODY, headers={"Origin": PAGE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE), (
            "readable for the page"
        )
        other = server.http.post("/predict", json=BODY, headers={**bearer(ALICE), "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        assert asks(server.http, ALICE)


def test_no_page_may_ask_unless_it_is_named(server: Server) -> None:
    assert server.http.options("/predict", headers=PREFLIGHT).status_code == 401
    answer = server.http.post("/predict", json=BODY, headers={**bearer(ALICE), "Origin": PAGE})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
WORKS = [
    ("POST", "/predict", BODY), ("POST", "/predict/", {"x": [[1.0, 2.0]] * 4000}), ("POST", "/predict/async", BODY),
    ("POST", "/v1/models/test:predict", {"instances": [[1, 2]]}),
    ("POST", "/v2/models/test/infer", {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}),
    ("DELETE", "/monitoring/task_status/x", None),
]  # fmt: skip
"""What makes a model without keys work; the first goes the short way."""


def beside(path: Path) -> AbstractContextManager[Server]:
    """A server beside others, which has a port of its own for gRPC, too."""
    return serve(path, "--grpc-port", str(free_ports(1)[0]))


@pytest.fixture(scope="module")
def without_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with beside(manifest(tmp_path_factory.mktemp("without"), cors={"allowedOrigins": [PAGE]})) as server:
        yield server


@pytest.fixture(scope="module")
def without_access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with beside(manifest(tmp_path_factory.mktemp("nothing"))) as server:
        yield server


@pytest.mark.parametrize(("method", "path", "body"), WORKS)
@pytest.mark.parametrize("named", [True, False])
def test_no_page_makes_a_model_without_keys_work_unless_it_is_named(
    without_keys: Server, without_access: Server, method: str, path: str, body: Any, named: bool
) -> None:
    http = (without_keys if named else without_access).http
    for site in ("cross-site", "same-site"):
        refused = http.request(method, path, json=body, headers={**EVIL, "Sec-Fetch-Site": site})
        assert refused.status_code == 403
        assert refused.json() == {
            "error"
            if path.startswith("/v")
            else "detail": "A web page of another origin may not ask this model: if it should, "
            "put https://evil.example into spec.access.cors.allowedOrigins"
        }
    others = [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
    for headers in [*others, *([{**EVIL, "Origin": PAGE}] if named else [])]:
        assert http.request(method, path, json=body, headers=headers).status_code in {200, 202, 404}
    assert http.get("/health", headers=EVIL).status_code == http.get("/info", headers=EVIL).status_code == 200


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {}])
def test_a_page_that_hides_its_origin_may_not_ask(without_access: Server, headers: dict[str, str]) -> None:
    counted = 'prediction_refused_requests_total{reason="cross_origin"}'
    before = value(without_access.http.get("/metrics").text, counted)
    refused = without_access.http.post("/predict", json=BODY, headers={"Sec-Fetch-Site": "cross-site", **headers})
    assert (refused.status_code, "put its origin into" in refused.text) == (403, True)
    assert value(without_access.http.get("/metrics").text, counted) == before + 1


def test_any_page_may_ask_where_any_is_named(tmp_path: Path) -> None:
    with beside(manifest(tmp_path, cors={"allowedOrigins": ["*"]})) as server:
        assert server.http.post("/predict", json=BODY, headers=EVIL).json() == ANSWER


def test_with_keys_a_key_is_what_lets_in(server: Server) -> None:
    assert server.http.post("/predict", json=BODY, headers={**bearer(ALICE), **EVIL}).json() == ANSWER
    assert server.http.post("/predict", json=BODY, headers=EVIL).status_code == 401
