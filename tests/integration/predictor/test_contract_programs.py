"""The client programs of both documents as they stand there: of `/predict` against examples/review, whose texts are held here too,
of the prediction API against examples/match-outcome."""

import ast
import json
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest

from predictorserver import Server
from testcluster.waiting import SOON, eventually

CURL = r"""
curl -X POST http://localhost:8080/predict \
  -H "Content-Type: application/json" \
  -d '{"text": "I love this product!"}'
"""
PYTHON = """
import requests
import numpy as np

# Text input
response = requests.post(
    "http://localhost:8080/predict",
    json={"text": "I love GPUX!"}
)
result = response.json()
print(f"Sentiment: {result['sentiment']}")

# Tensor input
response = requests.post(
    "http://localhost:8080/predict",
    json={
        "input_ids": [101, 2054, 2003, 102],
        "attention_mask": [1, 1, 1, 1]
    }
)
print(response.json())
"""
POOLED = """
import requests
from requests.adapters import HTTPAdapter

session = requests.Session()
session.mount('http://', HTTPAdapter(pool_connections=10, pool_maxsize=10))

response = session.post("http://localhost:8080/predict", json={"text": ["item1", "item2", "item3"]})
print(response.json())
"""
HANDLED = """
import requests

url, data = "http://localhost:8080/predict", {"text": 5}
try:
    response = requests.post(url, json=data, timeout=10)
    response.raise_for_status()
    result = response.json()
except requests.exceptions.Timeout:
    print("Request timed out")
except requests.exceptions.HTTPError as e:
    print(f"HTTP error: {e.response.json()['detail']}")
"""
FETCH = """
// Fetch API
const response = await fetch('http://localhost:8080/predict', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    text: 'I love GPUX!'
  })
});
const result = await response.json();
console.log(result.sentiment);
"""
FEATURES_CURL = r"""
curl -X POST http://localhost:8000/predict/ \
-H "Content-Type: application/json" \
-d '{
"match_id": 99,
"features": {
"diff_win_5_mean": 0.3,
"diff_goals_for_3_mean": 0.6,
"home_elo_pre": 1520.0,
"sex": 0
}
}'
"""
FEATURES_PYTHON = """
import httpx
response = httpx.post(
    "http://localhost:8000/predict/",
    json={
        "match_id": 99,
        "features": {
            "diff_win_5_mean": 0.3,
            "diff_goals_for_3_mean": 0.6,
            "home_elo_pre": 1520.0,
            "sex": 0,
        },
    },
)
response.raise_for_status()
print(response.json())
"""
SUBMIT_CURL = FEATURES_CURL.replace("/predict/", "/predict/async/")
ASYNC_PYTHON = """
import time
import httpx
client = httpx.Client(base_url="http://localhost:8000")
payload = {
    "match_id": 99,
    "features": {"diff_win_5_mean": 0.3, "diff_goals_for_3_mean": 0.6, "sex": 0},
}
# Submit
submit = client.post("/predict/async/", json=payload)
submit.raise_for_status()
task_id = submit.json()["task_id"]
# Poll
while True:
    poll = client.get(f"/monitoring/task_status/{task_id}")
    poll.raise_for_status()
    data = poll.json()
    if data["status"] in ("success", "failure"):
        print(data)
        break
    time.sleep(1)
"""
PREDICTION = {
    "predicted_class": 0,
    "probabilities": {"0": 0.58, "1": 0.27, "2": 0.15},
    "model_version": "Production",
    "model_run_id": "3f7a1c9d2e4b",
}


def output_of(server: Server, program: str, *command: str) -> str:
    """What the command prints with the program, its server being ours, as its last argument."""
    found = re.sub(r"http://localhost:80[08]0", str(server.http.base_url).rstrip("/"), program)
    return subprocess.run([*command, found], capture_output=True, text=True, check=True, timeout=60).stdout


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine: the document's program for it was not run")


def test_curl(review: Server) -> None:
    needs("curl")
    assert output_of(review, CURL, "bash", "-c") == '{"sentiment":[0.05,0.95]}'


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        (PYTHON, "Sentiment: [0.05, 0.95]\n{'sentiment': [0.5, 0.5]}\n"),
        (POOLED, "{'sentiment': [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]}\n"),
        (HANDLED, "HTTP error: Invalid input type for 'text': expected string or array of strings\n"),
    ],
    ids=["text and tensors", "pooled", "errors"],
)
def test_python(review: Server, program: str, printed: str) -> None:
    assert output_of(review, program, sys.executable, "-c") == printed


def test_javascript(review: Server) -> None:
    needs("node")
    assert output_of(review, FETCH, "node", "--input-type=module", "-e") == "[ 0.05, 0.95 ]\n"


def test_curl_with_features(match_outcome: Server) -> None:
    needs("curl")
    assert json.loads(output_of(match_outcome, FEATURES_CURL, "bash", "-c")) == {
        "match_id": 99,
        "prediction": PREDICTION,
    }


def test_python_with_features(match_outcome: Server) -> None:
    printed = output_of(match_outcome, FEATURES_PYTHON, sys.executable, "-c")
    assert printed == f"{ ({'match_id': 99, 'prediction': PREDICTION}) }\n"


def test_curl_of_a_task(match_outcome: Server) -> None:
    needs("curl")
    submitted = json.loads(output_of(match_outcome, SUBMIT_CURL, "bash", "-c"))
    where = f"/monitoring/task_status/{submitted['task_id']}"
    assert submitted == {"task_id": submitted["task_id"], "status": "submitted", "status_url": where}
    poll = f"curl http://localhost:8000{where}"
    pending = {"task_id": submitted["task_id"], "status": "pending"}

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = json.loads(output_of(match_outcome, poll, "bash", "-c"))
        return None if found == pending else found

    found = eventually(ended, SOON, "the task ends")
    assert found == {"task_id": submitted["task_id"], "status": "success", "result": PREDICTION}


def test_python_of_a_task(match_outcome: Server) -> None:
    printed = ast.literal_eval(output_of(match_outcome, ASYNC_PYTHON, sys.executable, "-c"))
    payload = {"match_id": 99, "features": {"diff_win_5_mean": 0.3, "diff_goals_for_3_mean": 0.6, "sex": 0}}
    result = match_outcome.http.post("/predict/", json=payload).json()["prediction"]
    assert printed == {"task_id": printed["task_id"], "status": "success", "result": result}


@pytest.mark.parametrize("path", ["/predict", "/predict/"])
def test_a_text_and_a_batch_of_texts(review: Server, path: str) -> None:
    love, waste, book = "I love this product!", "What a terrible waste of money", "It is a book " * 60
    alone = review.http.post(path, json={"text": love})
    assert (alone.headers["content-type"], alone.content) == ("application/json", b'{"sentiment":[0.05,0.95]}')
    batch = review.http.post(path, json={"text": [waste, love, book]}).json()["sentiment"]
    assert batch[1:] == [[0.05, 0.95], [0.5, 0.5]]
    score = (-1.8 - 2.1) / ((-1.8 - 2.1) ** 2 + 3.2**2 * (1 / 0.81 - 1)) ** 0.5  # waste and terrible in VADER's lexicon
    assert batch[0] == pytest.approx([(1 - score) / 2, (1 + score) / 2], abs=1e-6)
