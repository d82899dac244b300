"""The requests of the `/predict` document that send tensors, against the examples: answers and errors to the letter."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from predictorserver import Server

EXAMPLES = Path(__file__).parents[3] / "examples"
TOKENS = [101, 1045, 2293, 2023, 102]  # [CLS] i love this [SEP]


@pytest.mark.parametrize("path", ["/predict", "/predict/"])
def test_sentiment_analysis(sentiment: Server, path: str) -> None:
    answer = sentiment.http.post(path, json={"input_ids": TOKENS, "attention_mask": [1] * 5})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (
        200,
        "application/json",
        b'{"logits":[0.1,0.9]}',
    )


def test_a_batch(sentiment: Server) -> None:
    sad = [101, 1045, 5223, 2023, 102]  # i hate this
    answer = sentiment.http.post("/predict", json={"input_ids": [TOKENS, sad], "attention_mask": [[1] * 5] * 2}).json()
    assert answer["logits"][0] == [0.1, 0.9]
    assert answer["logits"][1][0] > 0.8


def test_the_python_client_of_the_document(sentiment: Server) -> None:
    answer = sentiment.http.post("/predict", json={"input_ids": [101, 2054, 2003, 102], "attention_mask": [1, 1, 1, 1]})
    assert answer.json() == {"logits": [0.5, 0.5]}


def test_image_classification(digits: Server) -> None:
    image = np.random.default_rng(0).random((1, 1, 8, 8), dtype=np.float32)
    session = onnxruntime.InferenceSession(EXAMPLES / "digits" / "model.onnx", providers=["CPUExecutionProvider"])
    [expected] = session.run(None, {"image": image})
    answer = digits.http.post("/predict", json={"image": image.tolist()}).json()
    np.testing.assert_allclose(answer["probabilities"], expected[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"attention_mask": [1, 1, 1]}, "Missing required input: 'input_ids'"),
        ({"input_ids": "not an array"}, "Invalid input type for 'input_ids': expected array"),
    ],
)
@pytest.mark.parametrize("model", ["sentiment", "review"])
def test_errors(request: pytest.FixtureRequest, model: str, body: object, detail: str) -> None:
    server: Server = request.getfixturevalue(model)
    answer = server.http.post("/predict", json=body)
    assert (answer.status_code, answer.json()) == (400, {"detail": detail})


def test_health(sentiment: Server) -> None:
    answer = sentiment.http.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy", "model": "sentiment"})


def test_info(sentiment: Server) -> None:
    info = sentiment.http.get("/info").json()
    assert [info[key] for key in ("name", "version", "format", "loaded", "model_name", "provider")] == [
        "sentiment", "1.0.0", "onnx", True, "sentiment", "CPUExecutionProvider",
    ]  # fmt: skip
    assert info["inputs"][0] == {
        "name": "input_ids",
        "type": "int64",
        "shape": [-1, -1],
        "description": "BERT token ids",
    }
    assert info["outputs"] == [{"name": "logits", "type": "float32", "shape": [-1, 2]}]
    short = sentiment.http.get("/model/info").json()
    assert short == {"model_name": "sentiment", "model_version": "1.0.0", "model_run_id": None, "loaded": True}


def test_metrics(sentiment: Server) -> None:
    """The server may have served other tests before."""

    def requests() -> dict[str, float]:
        lines = sentiment.http.get("/metrics").text.splitlines()
        assert "prediction_timeouts_total 0.0" in lines
        found = (line.split() for line in lines if line.startswith("prediction_requests_total{"))
        return {series: float(value) for series, value in found}

    sync, of_tasks = 'prediction_requests_total{source="sync"}', 'prediction_requests_total{source="async"}'
    before = requests()
    sentiment.http.post("/predict", json={"input_ids": TOKENS, "attention_mask": [1] * 5})
    assert requests() == {**before, sync: before[sync] + 1, of_tasks: before[of_tasks]}
