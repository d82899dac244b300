"""examples/penguins (strings into the graph) and examples/same-digit (two inputs): what they answer is what their models compute."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_digits

from predictorserver import Server

EXAMPLES = Path(__file__).parents[3] / "examples"
ADELIE = {"island": "Torgersen", "sex": "female", "bill_length_mm": 39.5, "bill_depth_mm": 17.4}
ADELIE |= {"flipper_length_mm": 186, "body_mass_g": 3800}
GENTOO = {"island": "Biscoe", "sex": "unknown", "bill_length_mm": 46.1, "bill_depth_mm": 13.2}
GENTOO |= {"flipper_length_mm": 211, "body_mass_g": 4500}


def run(features: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """Onnxruntime's own answer."""
    session = onnxruntime.InferenceSession(EXAMPLES / "penguins" / "model.onnx", providers=["CPUExecutionProvider"])
    feeds = {
        name: np.array([[value]], object if isinstance(value, str) else np.float32) for name, value in features.items()
    }
    label, probabilities = session.run(None, feeds)
    return str(label[0]), probabilities[0]


def test_penguins(penguins: Server) -> None:
    body = [{"penguin": "N2A1", "features": ADELIE}, {"penguin": 7, "features": GENTOO}]
    found = penguins.http.post("/predict", json=body).json()
    for item, features, name, species in zip(found, (ADELIE, GENTOO), ("N2A1", 7), ("Adelie", "Gentoo"), strict=True):
        label, probabilities = run(features)
        assert (item["penguin"], item["prediction"]["predicted_class"], label) == (name, species, species)
        assert item["prediction"]["probabilities"] == pytest.approx(probabilities, abs=1e-6)


def test_penguins_of_an_island_that_the_model_does_not_know(penguins: Server) -> None:
    found = penguins.http.post("/predict", json={"penguin": 1, "features": ADELIE | {"island": "Heligoland"}})
    assert found.json()["prediction"]["predicted_class"] == run(ADELIE | {"island": "Heligoland"})[0]


def test_a_word_that_is_no_string_is_the_callers_fault(penguins: Server) -> None:
    found = penguins.http.post("/predict", json={"penguin": 1, "features": ADELIE | {"sex": 1}})
    assert found.status_code == 400
    assert "sex" in found.json()["detail"]


def test_the_same_digit(same_digit: Server) -> None:
    images, labels = load_digits(return_X_y=True)
    pictures = (images / 16).reshape(-1, 1, 8, 8)
    pairs = [(i, j) for i in range(200, 212) for j in range(212, 224)]
    body = {"first": [pictures[i].tolist() for i, _ in pairs], "second": [pictures[j].tolist() for _, j in pairs]}
    found = same_digit.http.post("/predict", json=body).json()["same"]
    right = [(probability > 0.5) == (labels[i] == labels[j]) for probability, (i, j) in zip(found, pairs, strict=True)]
    assert np.mean(right) > 0.97
    alone = same_digit.http.post("/predict", json={name: values[0] for name, values in body.items()}).json()
    assert alone == {"same": pytest.approx(found[0], abs=1e-6)}


def test_one_picture_is_not_enough(same_digit: Server) -> None:
    found = same_digit.http.post("/predict", json={"first": np.zeros((1, 8, 8)).tolist()})
    assert (found.status_code, found.json()) == (400, {"detail": "Missing required input: 'second'"})


def test_the_penguins_of_the_package(built: Any, penguins: Server) -> None:
    with (built.packages / "palmerpenguins" / "data" / "penguins.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["body_mass_g"] != "NA"]
    words = [{"island": row["island"], "sex": row["sex"].replace("NA", "unknown")} for row in rows]
    numbers = [{name: float(row[name]) for name, value in ADELIE.items() if not isinstance(value, str)} for row in rows]
    body = [{"penguin": n, "features": a | b} for n, (a, b) in enumerate(zip(words, numbers, strict=True))]
    found = penguins.http.post("/predict", json=body).json()
    right = [item["prediction"]["predicted_class"] == row["species"] for item, row in zip(found, rows, strict=True)]
    assert len(right) == 342
    assert np.mean(right) > 0.97
