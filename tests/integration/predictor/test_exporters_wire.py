"""Exported models of tables behind a real server: what requests may hold, and what each protocol answers."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import yaml
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from sklearn.linear_model import LogisticRegression

import predictorserver
from predictorserver import Server
from tabularmodels import exporters, quietly, table
from tabularmodels.frames import matches, pipeline
from testcluster.ports import free_ports

IRIS = table("iris")
FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
FULL = dict(zip(FEATURES, [5.1, 3.5, 1.4, 0.2], strict=True))
FRAME = matches()
PIPELINE = quietly(pipeline(), FRAME, IRIS.y)
MODEL = quietly(LogisticRegression(max_iter=40), IRIS.x, IRIS.y)


def serving(folder: Path, onnx: Any, features: list[str], *arguments: str, **tabular: Any) -> Iterator[Server]:
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())
    spec = {
        "model": {"source": {"uri": "file://model.onnx"}},
        "preprocessing": {"tabular": {"entityKey": "flower", "features": features} | tabular},
    }
    manifest = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "iris"}, "spec": spec}
    (folder / "gpuxmodel.yaml").write_text(yaml.safe_dump(manifest))
    with predictorserver.serve(folder / "gpuxmodel.yaml", "--model-dir", str(folder), *arguments) as found:
        yield found


@pytest.fixture(scope="module")
def grpc_port() -> str:
    return str(free_ports(1)[0])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, grpc_port: str) -> Iterator[Server]:
    """Iris with ZipMap; petal_width has a default."""
    onnx, folder = exporters.sklearn(MODEL, IRIS.x), tmp_path_factory.mktemp("iris")
    yield from serving(folder, onnx, FEATURES, "--grpc-port", grpc_port, defaults={"petal_width": 0.2})


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A pipeline on a data frame of floats, whole numbers and strings."""
    onnx = exporters.sklearn(PIPELINE, FRAME)
    yield from serving(tmp_path_factory.mktemp("columns"), onnx, list(FRAME.columns))


def ask(server: Server, features: Any) -> tuple[int, Any]:
    """Status and body of a request, with features as an object or as JSON text."""
    text = features if isinstance(features, str) else json.dumps(features)
    found = server.http.post(
        "/predict", content=f'{{"flower": 1, "features": {text}}}', headers={"Content-Type": "application/json"}
    )
    return found.status_code, found.json()


def expected(*row: float) -> list[float]:
    [found] = MODEL.predict_proba(np.array([row], np.float32)).tolist()
    return list(found)


@pytest.mark.parametrize(
    ("features", "row"),
    [
        (FULL, (5.1, 3.5, 1.4, 0.2)),
        (FULL | {"petal_length": 5, "sepal_width": 3}, (5.1, 3, 5, 0.2)),  # whole numbers
        (FULL | {"petal_width": None}, (5.1, 3.5, 1.4, 0.2)),  # null is absent
        ({name: FULL[name] for name in FEATURES[:3]}, (5.1, 3.5, 1.4, 0.2)),
        (FULL | {"petal_length": -0.0, "sepal_width": 1e-300}, (5.1, 0, 0, 0.2)),
        (FULL | {"petal_length": 10**25}, (5.1, 3.5, 1e25, 0.2)),
        ('{"sepal_length": 9, "sepal_width": 3.5, "petal_length": 1.4, "sepal_length": 5.1}', (5.1, 3.5, 1.4, 0.2)),  # the last counts
    ],
    ids=["all", "whole", "null", "absent", "tiny", "huge", "twice"],
)  # fmt: skip
def test_what_features_may_be(server: Server, features: Any, row: tuple[float, ...]) -> None:
    status, body = ask(server, features)
    assert (status, body["flower"]) == (200, 1)
    assert list(body["prediction"]["probabilities"].values()) == pytest.approx(expected(*row), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("features", "detail"),
    [
        (FULL | {"petal_lenght": 1.4}, "Unknown feature: 'petal_lenght', did you mean 'petal_length'? this model takes 'sepal_length'"),
        (FULL | {"colour": 1}, "Unknown feature: 'colour'; this model takes 'sepal_length'"),
        (FULL | {"sepal_length": None}, "Missing required feature: 'sepal_length'"),
        (FULL | {"sepal_length": True}, "Invalid feature type for 'sepal_length': expected number"),
        (FULL | {"sepal_length": "5.1"}, "Invalid feature type for 'sepal_length': expected number"),
        (FULL | {"sepal_length": [5.1]}, "Invalid feature type for 'sepal_length': expected number"),
        (FULL | {"sepal_length": {}}, "Invalid feature type for 'sepal_length': expected number"),
        (FULL | {"sepal_length": 1e39}, "Invalid feature value for 'sepal_length': 1e+39 is out of range for float32"),
        ('{"sepal_length": 1e400}', "Invalid"),
        ('{"sepal_length": NaN}', "Invalid JSON"),
        (f'{{"sepal_length": 1{"0" * 4000}}}', "Invalid"),
        ([5.1, 3.5, 1.4, 0.2], "Invalid input type for 'features': expected object"),
        (None, "Invalid input type for 'features': expected object"),
    ],
)  # fmt: skip
def test_what_features_may_not_be(server: Server, features: Any, detail: str) -> None:
    status, body = ask(server, features)
    assert status == 400
    assert body["detail"].startswith(detail)


def test_entities(server: Server) -> None:
    """A list, up to 300 of them; any string or number, the empty string too."""
    entities: list[Any] = ["", "x" * 300, 0, -1.5, 2**60, *range(295)]
    rows = (IRIS.x.tolist() * 2)[:300]
    body = [
        {"flower": one, "features": dict(zip(FEATURES, row, strict=True))}
        for one, row in zip(entities, rows, strict=True)
    ]
    found = server.http.post("/predict", json=body).json()
    assert [item["flower"] for item in found] == entities
    assert [item["prediction"]["predicted_class"] for item in found] == MODEL.predict(np.float32(rows)).tolist()
    wrong = server.http.post("/predict", json=[*body[:5], {"flower": 7, "feature": FULL}])
    assert (wrong.status_code, wrong.json()) == (400, {"detail": "Missing required input: 'features'"})


def test_the_graphs_own_input(server: Server) -> None:
    """Tensors go as before: with the maps of ZipMap in the answer, since JSON has a form for them."""
    found = server.http.post("/predict", json={"X": [list(FULL.values())]}).json()
    assert found["output_label"] == [0]
    assert list(found["output_probability"][0]) == ["0", "1", "2"]
    one = server.http.post("/v1/models/iris:predict", json={"instances": [list(FULL.values())] * 2}).json()
    assert [row["output_label"] for row in one["predictions"]] == [0, 0]
    assert list(one["predictions"][0]["output_probability"].values()) == pytest.approx(
        expected(*FULL.values()), abs=1e-6
    )


def test_maps_in_the_open_inference_protocol(server: Server) -> None:
    """It has tensors only: the maps are refused by name, and the label alone can be asked for."""
    tensor = {"name": "X", "datatype": "FP32", "shape": [1, 4], "data": list(FULL.values())}
    refused = server.http.post("/v2/models/iris/infer", json={"inputs": [tensor]})
    assert refused.status_code == 400
    assert "output_probability" in refused.json()["error"]
    asked = {"inputs": [tensor], "outputs": [{"name": "output_label"}]}
    found = server.http.post("/v2/models/iris/infer", json=asked).json()
    assert found["outputs"] == [{"name": "output_label", "datatype": "INT64", "shape": [1], "data": [0]}]
    assert server.http.get("/v2/models/iris").status_code == 200


def test_maps_over_grpc(server: Server, grpc_port: str) -> None:
    tensor = pb.ModelInferRequest.InferInputTensor(
        name="X", datatype="FP32", shape=[1, 4], contents={"fp32_contents": FULL.values()}
    )
    label = pb.ModelInferRequest.InferRequestedOutputTensor(name="output_label")
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        infer = GRPCInferenceServiceStub(channel).ModelInfer
        with pytest.raises(grpc.RpcError) as refused:
            infer(pb.ModelInferRequest(model_name="iris", inputs=[tensor]))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        found = infer(pb.ModelInferRequest(model_name="iris", inputs=[tensor], outputs=[label]))
    assert [output.name for output in found.outputs] == ["output_label"]


@pytest.mark.parametrize("name", ["server", "columns"])
def test_its_own_documentation(request: pytest.FixtureRequest, name: str) -> None:
    server: Server = request.getfixturevalue(name)
    document = server.http.get("/openapi.json").json()
    example = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    found = server.http.post("/predict", json=example)
    assert (found.status_code, list(found.json())) == (200, ["flower", "prediction"])


def test_many_callers_at_once(columns: Server) -> None:
    """Their rows share runs, in which each caller's strings stay beside their own numbers."""
    rows = FRAME.to_dict("records")

    async def all_of_them() -> list[dict[str, Any]]:
        async with httpx.AsyncClient(base_url=columns.http.base_url, timeout=60) as client:
            sent = [client.post("/predict", json={"flower": i, "features": row}) for i, row in enumerate(rows)]
            return [found.json() for found in await asyncio.gather(*sent)]

    found = asyncio.run(all_of_them())
    assert [item["flower"] for item in found] == list(range(len(rows)))
    values = [list(item["prediction"]["probabilities"].values()) for item in found]
    np.testing.assert_allclose(values, PIPELINE.predict_proba(FRAME), rtol=1e-4, atol=2e-6)


def test_columns_by_the_other_protocols(columns: Server) -> None:
    """Their inputs go by the graph's names there."""
    row = FRAME.to_dict("records")[0]
    names = dict(zip(FRAME.columns, ("elo_diff__Δ_", "form", "round", "home", "cup"), strict=True))
    instance = {names[name]: value for name, value in row.items()}
    label = PIPELINE.predict(FRAME[:1]).tolist()
    found = columns.http.post("/v1/models/iris:predict", json={"instances": [instance]}).json()
    assert [item["output_label"] for item in found["predictions"]] == label
    types = {"round": "INT64", "home": "BYTES", "cup": "BYTES"}
    inputs = [
        {"name": name, "datatype": types.get(name, "FP32"), "shape": [1, 1], "data": [value]}
        for name, value in instance.items()
    ]
    body = {"inputs": inputs, "outputs": [{"name": "output_label"}]}
    assert columns.http.post("/v2/models/iris/infer", json=body).json()["outputs"][0]["data"] == label
    assert columns.http.post("/predict", json=instance).json()["output_label"] == label[0]


def test_info(server: Server) -> None:
    assert server.http.get("/info").json()["prediction"] == {
        "predicted_class": "output_label", "probabilities": "output_probability", "keys": "classes of the graph",
    }  # fmt: skip
    assert server.http.get("/model/info").json() == {
        "model_name": "iris", "model_version": None, "model_run_id": None, "loaded": True,
    }  # fmt: skip
