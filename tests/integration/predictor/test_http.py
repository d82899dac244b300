"""The server at its edges: wrong paths, bodies and methods, readiness, KServe's protocols, and stopping."""

import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import orjson
import pytest
from onnx import helper

import onnxmodels
from gpux_predictor.http.body import MAX_BODY_BYTES
from predictorserver import PROGRAM, Server, serve
from testcluster.waiting import SOON, eventually

BODY = {"input_ids": [1045, 2293], "attention_mask": [1, 1]}
V2_INPUTS = [{"name": name, "shape": [1, 2], "datatype": "INT64", "data": data} for name, data in BODY.items()]
MANIFEST = """
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {{name: {name}}}
spec: {{model: {{source: {{uri: "file://model.onnx"}}}}{more}}}
"""


def manifest(folder: Path, name: str = "test", more: str = "") -> Path:
    path = folder / "gpuxmodel.yaml"
    path.write_text(MANIFEST.format(name=name, more=more))
    return path


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/predictions", 404),
        ("GET", "/predict", 405),
        ("PUT", "/predict/", 405),
        ("POST", "/health", 405),
        ("POST", "/v2/repository/models/sentiment/unload", 404),
        ("POST", "/v2/repository/models/sentiment/load", 404),
    ],
)
def test_wrong_paths_and_methods(sentiment: Server, method: str, path: str, status: int) -> None:
    answer = sentiment.http.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]
    assert sentiment.http.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/info/"),
        ("GET", "/docs/"),
        ("GET", "/predict/upcoming/"),
        ("GET", "/v1/models/"),
        ("GET", "/v2/models/sentiment/"),
        ("POST", "/v1/models/sentiment:predict/"),
        ("POST", "/v2/models/sentiment/infer/"),
    ],
)
def test_a_slash_too_many_sends_nobody_elsewhere(sentiment: Server, method: str, path: str) -> None:
    """A redirect would name plain http, since TLS ends at the ingress, and clients send their keys with it."""
    answer = sentiment.http.request(method, path)
    assert (answer.status_code, "location" in answer.headers) == (404, False)
    assert list(answer.json()) == ["detail"]


@pytest.mark.parametrize("body", [b"{broken", b"", b'{"input_ids": NaN}', b"\xff\xfe", b"[" * 5000])
def test_broken_json(sentiment: Server, body: bytes) -> None:
    answer = sentiment.http.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid JSON: ")


def test_other_content_types(sentiment: Server) -> None:
    answer = sentiment.http.post(
        "/predict", content=b"a=b", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 415
    assert answer.json() == {
        "detail": "Unsupported content type 'application/x-www-form-urlencoded': send application/json"
    }


@pytest.mark.parametrize("path", ["/predict", "/v1/models/sentiment:predict", "/v2/models/sentiment/infer"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_body(sentiment: Server, path: str, announced: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 2**20 + 1):
            yield bytes(2**20)

    content = bytes(MAX_BODY_BYTES + 1) if announced else chunks()
    answer = sentiment.http.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json() == {
        "detail": f"The request body is larger than {MAX_BODY_BYTES} bytes: send fewer samples at once"
    }


def test_kserve_v1(sentiment: Server) -> None:
    assert sentiment.http.get("/v1/models").json() == {"models": ["sentiment"]}
    answer = sentiment.http.post(
        "/v1/models/sentiment:predict", json={"instances": [BODY, dict(reversed(BODY.items()))]}
    )
    assert (answer.status_code, answer.json()) == (200, {"predictions": [[0.1, 0.9], [0.1, 0.9]]})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"instances": [{"input_ids": [1]}]}, "Missing required input: 'attention_mask'"),
        ({"instances": [{**BODY, "x": 1}]}, "Unknown input: 'x'; this model takes 'input_ids', 'attention_mask'"),
        ({"instances": []}, 'Invalid request body: expected {"instances": [...]} with one entry a sample'),
        ({"inputs": 1}, 'Invalid request body: expected {"instances": [...]} with one entry a sample'),
        (
            {"instances": [[1, 2]]},
            "Invalid request body: each instance must be an object with 'input_ids', 'attention_mask'",
        ),
        (
            {"instances": [BODY, {"input_ids": [1]}]},
            "Invalid request body: every instance must have the same inputs",
        ),
    ],
)
def test_kserve_v1_errors(sentiment: Server, body: object, error: str) -> None:
    answer = sentiment.http.post("/v1/models/sentiment:predict", json=body)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "text/plain"])
def test_kserve_v1_takes_json_of_any_content_type(sentiment: Server, content_type: str) -> None:
    """.NET sends a charset; KServe then hands the bytes on unread."""
    headers = {"content-type": content_type}
    body = orjson.dumps({"instances": [BODY]})
    answer = sentiment.http.post("/v1/models/sentiment:predict", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"predictions": [[0.1, 0.9]]})
    assert sentiment.http.post("/v1/models/sentiment:predict", content=b"{x", headers=headers).status_code == 400


@pytest.mark.parametrize("path", ["/v1/models/sentiment:predict", "/v2/models/sentiment/infer"])
@pytest.mark.parametrize(
    "body",
    [
        b"null", b"[]", b"1", b'"x"', b"{}", b'{"\\ud800": [1, 2]}', b'{"inputs": "abc"}', b'{"inputs": [{}]}',
        b'{"inputs": [{"name": "input_ids", "shape": [1, 2], "datatype": "INT64"}]}',
        b'{"inputs": [{"name": "input_ids", "shape": "ab", "datatype": null, "data": [1]}]}', b'{"outputs": "y", "inputs": []}',
    ],
)  # fmt: skip
def test_malformed_bodies_on_kserves_routes(sentiment: Server, path: str, body: bytes) -> None:
    answer = sentiment.http.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"]
    assert len(answer.content) < 1000
    assert sentiment.http.get("/health").status_code == 200
    assert "Traceback" not in sentiment.log.read_text()


def test_malformed_binary_on_v2(sentiment: Server) -> None:
    def post(body: bytes, length: str) -> int:
        headers = {"content-type": "application/octet-stream", "inference-header-content-length": length}
        return sentiment.http.post("/v2/models/sentiment/infer", content=body, headers=headers).status_code

    def header(size: object) -> bytes:
        tensor = {"name": "input_ids", "shape": [1, 2], "datatype": "INT64", "parameters": {"binary_data_size": size}}
        return orjson.dumps({"inputs": [tensor, V2_INPUTS[1]]})

    good = header(16)
    assert post(good + bytes(16), str(len(good))) == 200
    for size, data, length in (
        (16, 8, None),
        (16, 0, None),
        ("16", 16, None),
        (0, 0, None),
        (12, 12, None),
        (16, 16, "abc"),
    ):
        content = header(size)
        assert post(content + bytes(data), length or str(len(content))) == 400, (size, data, length)


@pytest.mark.parametrize("data", [[1.5, 2], ["7", "8"], [1, None], [2**70, 1], [[1], [2, 3]], [1, 2, 3], [True, False]])
def test_kserve_v2_takes_no_value_that_it_would_have_to_change(sentiment: Server, data: object) -> None:
    answer = sentiment.http.post(
        "/v2/models/sentiment/infer", json={"inputs": [{**V2_INPUTS[0], "data": data}, V2_INPUTS[1]]}
    )
    assert answer.status_code == 400, answer.text
    twice = sentiment.http.post("/v2/models/sentiment/infer", json={"inputs": [*V2_INPUTS, V2_INPUTS[0]]})
    assert "is there twice" in twice.json()["error"]


def test_empty_outputs_in_every_protocol(tmp_path: Path) -> None:
    nonzero, cast = helper.make_node("NonZero", ["x"], ["y"]), onnxmodels.tensor("x", "float32", ["n"])
    onnxmodels.save(tmp_path / "model.onnx", [nonzero], [cast], [onnxmodels.tensor("y", "int64", [1, "count"])])
    with serve(manifest(tmp_path)) as server:
        assert server.http.post("/predict", json={"x": [0, 0]}).json() == {"y": [[]]}
        tensor = {"name": "x", "shape": [2], "datatype": "FP32", "data": [0, 0]}
        answer = server.http.post("/v2/models/test/infer", json={"inputs": [tensor]})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["outputs"][0]["shape"], answer.json()["outputs"][0]["data"]) == ([1, 0], [])


def test_columns_in_v1(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", "float32", [None, 1])
    with serve(manifest(tmp_path)) as server:
        for count in (1, 3):
            answer = server.http.post("/v1/models/test:predict", json={"instances": [{"x": 1.5}] * count})
            assert answer.json() == {"predictions": [[1.5]] * count}


def test_a_large_body_does_not_block_the_probes(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    body = b'{"x": [' + b",".join([b"[1.5,2.5]"] * 1_000_000) + b"]}"
    with serve(manifest(tmp_path)) as server, ThreadPoolExecutor() as pool:
        with httpx.Client(base_url=server.http.base_url, timeout=60) as other:
            asked = pool.submit(other.post, "/predict", content=body, headers={"content-type": "application/json"})
            slowest = 0.0
            while not asked.done():
                started = time.monotonic()
                assert server.http.get("/health").status_code == 200
                slowest = max(slowest, time.monotonic() - started)
            assert asked.result().status_code == 200
        assert slowest < 3, "the readiness probe gives up after 3 s"


def test_kserve_v2(sentiment: Server) -> None:
    assert sentiment.http.get("/v2/models/sentiment/ready").status_code == 200
    assert sentiment.http.get("/v2/models/sentiment").json()["inputs"][0] == {
        "name": "input_ids",
        "datatype": "INT64",
        "shape": [-1, -1],
    }
    answer = sentiment.http.post("/v2/models/sentiment/infer", json={"id": "7", "inputs": V2_INPUTS})
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == "7"
    [output] = answer.json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("logits", "FP32", [1, 2])
    assert output["data"] == pytest.approx([0.1, 0.9])
    assert sentiment.http.post("/v2/models/sentiment/infer", json={"inputs": V2_INPUTS}).status_code == 200


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"datatype": "FP32"}, "Invalid input type for 'input_ids': expected datatype INT64, found FP32"),
        ({"shape": [1, 3]}, "Invalid input value for 'input_ids': 2 elements do not fill the shape [1, 3]"),
        ({"shape": [2]}, "Invalid input shape for 'input_ids': expected [batch, sequence], found [2]"),
        ({"name": "ids"}, "Missing required input: 'input_ids'"),
    ],
)
def test_kserve_v2_errors(sentiment: Server, change: dict[str, object], error: str) -> None:
    answer = sentiment.http.post(
        "/v2/models/sentiment/infer", json={"inputs": [{**V2_INPUTS[0], **change}, V2_INPUTS[1]]}
    )
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_kserve_v2_strings(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", "string", ["n"])
    with serve(manifest(tmp_path)) as server:
        tensor = {"name": "x", "shape": [2], "datatype": "BYTES", "data": ["a", "ü"]}
        answer = server.http.post("/v2/models/test/infer", json={"inputs": [tensor]})
        assert answer.json()["outputs"][0]["data"] == ["a", "ü"]
        assert server.http.post("/v1/models/test:predict", json={"instances": ["a", "ü"]}).json() == {
            "predictions": ["a", "ü"]
        }


def test_a_model_that_cannot_be_served_keeps_the_port_open_and_says_why(tmp_path: Path) -> None:
    with serve(manifest(tmp_path), ready=False) as server:
        eventually(
            lambda: server.http.get("/health").json()["reason"] == "ModelFileNotFound", SOON, "the reason is there"
        )
        health = server.http.get("/health")
        assert health.status_code == 503
        assert "model.onnx does not exist" in health.json()["detail"]
        answer = server.http.post("/predict", json={})
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("The model is not ready: ModelFileNotFound: ")
        assert server.http.get("/v2/models/test/ready").status_code == 503
        assert server.http.post("/v1/models/test:predict", json={"instances": [1]}).status_code == 503
        assert server.http.get("/info").json()["loaded"] is False


def test_the_deadline(tmp_path: Path) -> None:
    onnxmodels.slow(tmp_path / "model.onnx", 200_000_000)
    with serve(manifest(tmp_path, more=", runtime: {timeoutSeconds: 1}")) as server:
        answer = server.http.post("/predict", json={"x": [1, 2]})
        assert answer.status_code == 504
        assert answer.json() == {"detail": "The prediction took longer than 1 s (runtime.timeoutSeconds)"}
        assert "prediction_timeouts_total 1.0" in server.http.get("/metrics").text
        assert server.http.post("/v1/models/test:predict", json={"instances": [1, 2]}).status_code == 504


def test_a_client_that_goes_away_in_the_middle_of_its_body(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    with serve(manifest(tmp_path)) as server:
        address = ("127.0.0.1", server.http.base_url.port or 0)
        for _ in range(3):
            with socket.create_connection(address) as half:
                half.sendall(
                    b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"x"'
                )
        assert server.http.post("/predict", json={"x": [1, 2]}).json() == {"y": [1.0, 2.0]}
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def test_protocols_that_are_not_chosen_are_closed(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    v1, v2 = {"instances": [[1, 2]]}, {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}

    def statuses(server: Server) -> list[int]:
        posts = ("/v1/models/test:predict", v1), ("/v2/models/test/infer", v2), ("/predict", {"x": [1, 2]})
        gets = (
            "/v1/models",
            "/v1/models/test",
            "/v2",
            "/v2/models",
            "/v2/models/test",
            "/v2/health/live",
            "/v2/health/ready",
        )
        found = [server.http.post(path, json=body) for path, body in posts] + [server.http.get(path) for path in gets]
        paths = server.http.get("/openapi.json").json()["paths"]
        assert [any(path.startswith(version) for path in paths) for version in ("/v1", "/v2")] == [
            found[0].is_success,
            found[1].is_success,
        ]
        return [answer.status_code for answer in found]

    with serve(manifest(tmp_path, more=", serving: {protocols: [v1]}")) as server:
        assert statuses(server) == [200, 404, 200, 200, 200, 404, 404, 404, 200, 200]
    with serve(manifest(tmp_path, more=", serving: {protocols: [v2]}")) as server:
        assert statuses(server) == [404, 200, 200, 404, 404, 200, 200, 200, 200, 200]
        assert server.http.post("/v1/models/test:predict", json=v1).json() == {
            "error": "/v1/models/test:predict is closed: spec.serving.protocols does not have v1"
        }


def test_sigterm_is_exit_0(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    with serve(manifest(tmp_path)) as server:
        assert server.http.post("/predict", json={"x": [1, 2]}).json() == {"y": [1.0, 2.0]}
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def test_an_invalid_manifest_is_exit_1(tmp_path: Path) -> None:
    found = subprocess.run(
        [PROGRAM, "serve", manifest(tmp_path, more=", sreving: {}")], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert "spec.sreving: unknown field" in found.stderr
    assert "Traceback" not in found.stderr


def test_what_was_accepted_before_sigterm_is_answered(tmp_path: Path) -> None:
    onnxmodels.slow(tmp_path / "model.onnx", 2_000_000)
    with serve(manifest(tmp_path, more=", runtime: {timeoutSeconds: 120}")) as server, ThreadPoolExecutor() as pool:
        asked = pool.submit(server.http.post, "/predict", json={"x": [1, 2]}, timeout=120)
        eventually(lambda: 'source="sync"} 1.0' in server.http.get("/metrics").text, SOON, "the request is running")
        assert not asked.done()
        assert server.stop() == 0
        assert asked.result().status_code == 200


def test_a_port_in_use_is_exit_1(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [str(PROGRAM), "serve", str(manifest(tmp_path)), "--port", port]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert (
        found.stderr
        == f"gpux-predictor: cannot listen on 127.0.0.1 port {port}: Address already in use: choose --host and --port\n"
    )


def test_a_form_that_cannot_be_read_is_the_callers_to_hear_of_not_the_logs(review: Server) -> None:
    before = review.log.stat().st_size
    refused = review.http.post("/predict", content=b"--x", headers={"Content-Type": "multipart/form-data"})
    assert refused.status_code == 400
    assert refused.json()["detail"].startswith("Invalid form: ")
    assert review.log.read_bytes()[before:] == b""
