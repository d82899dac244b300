"""V1 and the Open Inference Protocol over HTTP, through the clients that people use, against raw ONNX Runtime."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import orjson
import pytest
import requests
import tritonclient.http
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tritonclient.utils import InferenceServerException

import onnxmodels
from predictorserver import Server, serve

ROWS = 1_000_000
"""Of 8 MB as JSON: some probes are answered meanwhile, though the machine is busy."""
MANIFEST = """
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {name: test}
spec: {model: {version: "3", source: {uri: "file://model.onnx"}}}
"""


def manifest(folder: Path) -> Path:
    path = folder / "gpuxmodel.yaml"
    path.write_text(MANIFEST)
    return path


@pytest.fixture(scope="module")
def several(folder: Path) -> Iterator[Server]:
    with serve(manifest(folder)) as server:
        yield server


@pytest.fixture(scope="module")
def triton(several: Server) -> Iterator[Any]:
    client = tritonclient.http.InferenceServerClient(several.http.base_url.netloc.decode(), concurrency=4)
    yield client
    client.close()


def feeds(batch: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    numbers = {name: random.normal(size=(batch, 3)).astype(np.float32) for name in ("a", "b")}
    return numbers | {"words": np.array([f"größe {i}\0" for i in range(batch)], dtype=object)}


def expected(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def triton_inputs(given: dict[str, Any], *, binary: dict[str, bool]) -> list[Any]:
    inputs = []
    for name, array in given.items():
        datatype = tritonclient.utils.np_to_triton_dtype(array.dtype)
        inputs.append(tritonclient.http.InferInput(name, array.shape, datatype))
        inputs[-1].set_data_from_numpy(array, binary_data=binary[name])
    return inputs


def texts(array: Any) -> list[str]:
    return [item.decode() if isinstance(item, bytes) else item for item in array.flat]


ALL_BINARY = {"a": True, "b": True, "words": True}


@pytest.mark.parametrize(
    "binary",
    [ALL_BINARY, dict.fromkeys(ALL_BINARY, False), ALL_BINARY | {"a": False}, ALL_BINARY | {"words": False}],
)
def test_triton_http(triton: Any, folder: Path, binary: dict[str, bool]) -> None:
    given = feeds(5)
    result = triton.infer("test", triton_inputs(given, binary=binary), request_id="r-1")
    want = expected(folder, given)
    assert result.get_response()["id"] == "r-1"
    assert result.get_response()["model_version"] == "3"
    for name in ("sum", "product"):
        np.testing.assert_array_equal(result.as_numpy(name), want[name])
    assert texts(result.as_numpy("said")) == list(given["words"])


def test_triton_http_requested_outputs(triton: Any, folder: Path) -> None:
    given = feeds(2)
    wanted = [
        tritonclient.http.InferRequestedOutput("product", binary_data=True),
        tritonclient.http.InferRequestedOutput("said", binary_data=False),
    ]
    result = triton.infer("test", triton_inputs(given, binary=ALL_BINARY), outputs=wanted, model_version="3")
    assert [output["name"] for output in result.get_response()["outputs"]] == ["product", "said"]
    assert "data" not in result.get_output("product")
    np.testing.assert_array_equal(result.as_numpy("product"), expected(folder, given)["product"])
    assert result.get_output("said")["data"] == list(given["words"])
    assert result.as_numpy("sum") is None


def test_triton_http_at_once(triton: Any, folder: Path) -> None:
    many = [feeds(1 + seed % 4, seed) for seed in range(40)]
    asked = [
        triton.async_infer("test", triton_inputs(given, binary=ALL_BINARY), request_id=str(i))
        for i, given in enumerate(many)
    ]
    for position, (given, answer) in enumerate(zip(many, asked, strict=True)):
        result = answer.get_result()
        assert result.get_response()["id"] == str(position)
        np.testing.assert_array_equal(result.as_numpy("sum"), expected(folder, given)["sum"])


def test_triton_http_about_the_server(triton: Any) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("test")
    assert triton.is_model_ready("test", "3")
    assert not triton.is_model_ready("test", "4")
    assert not triton.is_model_ready("other")
    server = triton.get_server_metadata()
    assert (server["name"], server["extensions"]) == ("gpux-predictor", ["binary_tensor_data"])
    assert triton.get_model_metadata("test", "3") == {
        "name": "test",
        "versions": ["3"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "a", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "b", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "words", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "sum", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "product", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "said", "datatype": "BYTES", "shape": [-1]},
        ],
    }


def test_triton_http_errors(triton: Any) -> None:
    inputs = triton_inputs(feeds(1), binary=ALL_BINARY)
    for arguments, status, message in (
        (("other", inputs), "404", "Unknown model: 'other'; this server serves 'test'"),
        (("test", inputs, "9"), "404", "Unknown version: '9' of model 'test'; this server serves '3'"),
        (("test", inputs[:1]), "400", "Missing required input: 'b'"),
    ):
        with pytest.raises(InferenceServerException) as raised:
            triton.infer(*arguments)
        assert (raised.value.status(), raised.value.message()) == (status, message)
    classes = [tritonclient.http.InferRequestedOutput("sum", class_count=2)]
    with pytest.raises(InferenceServerException, match="parameter 'classification' is not served"):
        triton.infer("test", inputs, outputs=classes)
    with pytest.raises(InferenceServerException, match="Unsupported content encoding 'gzip'"):
        triton.infer("test", inputs, request_compression_algorithm="gzip")


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint16", "int64", "uint64", "bool"])
def test_every_datatype_in_binary_and_json(tmp_path: Path, dtype: str) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", dtype, ["n", 2])
    given = {"x": np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)}
    with serve(manifest(tmp_path)) as server:
        client = tritonclient.http.InferenceServerClient(server.http.base_url.netloc.decode())
        for binary in (True,) if dtype == "float16" else (True, False):  # Triton's client has no FP16 in JSON
            result = client.infer("test", triton_inputs(given, binary={"x": binary}))
            answer = result.as_numpy("y")
            assert answer.dtype == given["x"].dtype
            np.testing.assert_array_equal(answer, given["x"])
        client.close()


def test_bfloat16(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", "bfloat16", ["n"])
    values = np.array([1.5, -2.0, 3.140625], dtype=np.float32)
    bits = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    tensor = {"name": "x", "datatype": "BF16", "shape": [3], "parameters": {"binary_data_size": 6}}
    head = orjson.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    headers = {"Inference-Header-Content-Length": str(len(head))}
    with serve(manifest(tmp_path)) as server:
        answer = server.http.post("/v2/models/test/infer", content=head + bits, headers=headers)
        assert answer.status_code == 200, answer.text
        length = int(answer.headers["inference-header-content-length"])
        assert answer.content[length:] == bits
        assert answer.headers["content-type"] == "application/octet-stream"


async def _kserve_v2(url: str, given: dict[str, Any], *, binary: bool) -> Any:
    inputs = []
    for name, array in given.items():
        inputs.append(InferInput(name, list(array.shape), tritonclient.utils.np_to_triton_dtype(array.dtype)))
        inputs[-1].set_data_from_numpy(array, binary_data=binary)
    outputs = [RequestedOutput(name, {"binary_data": binary}) for name in ("sum", "said")]
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        assert await client.is_server_live(url)
        assert await client.is_server_ready(url)
        assert await client.is_model_ready(url, "test")
        return await client.infer(url, InferRequest("test", inputs, request_outputs=outputs), model_name="test")


@pytest.mark.parametrize("binary", [True, False])
def test_kserves_rest_client_v2(several: Server, folder: Path, binary: bool) -> None:
    given = feeds(3)
    answer = asyncio.run(_kserve_v2(str(several.http.base_url), given, binary=binary))
    assert [output.name for output in answer.outputs] == ["sum", "said"]
    np.testing.assert_allclose(answer.outputs[0].as_numpy(), expected(folder, given)["sum"], rtol=1e-6)
    assert texts(np.array(answer.outputs[1].data, dtype=object)) == list(given["words"])


def test_kserves_rest_client_v1(several: Server, folder: Path) -> None:
    given = feeds(2)
    rows = [
        {name: array[row].tolist() if array.ndim > 1 else array[row] for name, array in given.items()} for row in (0, 1)
    ]

    async def ask() -> Any:
        async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
            assert await client.is_model_ready(str(several.http.base_url), "test")
            return await client.infer(str(several.http.base_url), {"instances": rows}, model_name="test")

    want = expected(folder, given)
    for row, answer in enumerate(asyncio.run(ask())["predictions"]):
        np.testing.assert_allclose(answer["sum"], want["sum"][row], rtol=1e-6)
        assert answer["said"] == given["words"][row]


def test_requests_and_httpx_agree(several: Server, folder: Path) -> None:
    given = feeds(1)
    tensors = [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": "FP32" if name != "words" else "BYTES",
            "data": array.tolist(),
        }
        for name, array in given.items()
    ]
    url = f"{several.http.base_url}/v2/models/test/versions/3/infer".replace("//v2", "/v2")
    with httpx.Client() as client:
        by_httpx = client.post(url, json={"inputs": tensors}).json()
    by_requests = requests.post(url, json={"inputs": tensors}, timeout=30).json()
    assert by_httpx == by_requests
    np.testing.assert_allclose(by_httpx["outputs"][0]["data"], expected(folder, given)["sum"].ravel(), rtol=1e-6)


def test_unknown_models_and_closed_routes(several: Server) -> None:
    for method, path, status in (
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/test/versions/1/infer", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/other/ready", 404),
        ("POST", "/v1/models/test:explain", 501),
    ):
        answer = several.http.request(method, path, content=b"{}")
        assert (answer.status_code, list(answer.json())) == (status, ["error"]), path
    assert several.http.get("/v2/models").json() == {"models": ["test"]}
    assert several.http.get("/v1/models").json() == {"models": ["test"]}
    assert several.http.get("/v1/models/test").json() == {"name": "test", "ready": True}


def test_a_large_json_tensor_does_not_block_the_probes(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    data = b",".join([b"1.5,2.5"] * ROWS)
    body = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [%d, 2], "data": [' % ROWS + data + b"]}]}"
    with serve(manifest(tmp_path)) as server, ThreadPoolExecutor() as pool:
        with httpx.Client(base_url=server.http.base_url, timeout=60) as other:
            asked = pool.submit(other.post, "/v2/models/test/infer", content=body)
            probes = 0
            while not asked.done():
                assert server.http.get("/v2/health/ready").status_code == 200
                probes += 1
            assert asked.result().status_code == 200
            assert asked.result().json()["outputs"][0]["shape"] == [ROWS, 2]
        assert probes > 3, "the loop was held"


def test_readiness_is_the_models(tmp_path: Path) -> None:
    with serve(manifest(tmp_path), ready=False) as server:
        for path in ("/v2/health/ready", "/v2/models/test/ready", "/v2/models/test"):
            answer = server.http.get(path)
            assert answer.status_code == 503
            assert answer.json()["error"].startswith("The model is not ready: ")
        assert server.http.get("/v2/health/live").json() == {"live": True}
        assert server.http.get("/v2").json()["name"] == "gpux-predictor"
