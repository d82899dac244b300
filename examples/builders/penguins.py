"""Builds examples/penguins/model.onnx: the species of a penguin from two words and four numbers, as scikit-learn people export it.

The data is the Palmer penguins (Gorman, Williams & Fraser 2014; package palmerpenguins, which `make examples` installs). A
pipeline of a one-hot encoder for words, a scaler for numbers and a logistic regression is converted by skl2onnx, which gives the
graph an input for each column: the words go into the graph as they are.
"""

import csv
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

WORDS = ["island", "sex"]
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
FILE = Path(__file__).parents[1] / "penguins" / "model.onnx"


def table() -> tuple[pd.DataFrame, np.ndarray]:
    """The 342 penguins that were measured, and their species; a sex that nobody noted is `unknown`."""
    lines = files("palmerpenguins").joinpath("data", "penguins.csv").read_text(encoding="utf-8").splitlines()
    rows = [row for row in csv.DictReader(lines) if "NA" not in {row[name] for name in NUMBERS}]
    columns = {name: [row[name].replace("NA", "unknown") for row in rows] for name in WORDS}
    numbers = {name: np.array([row[name] for row in rows], np.float32) for name in NUMBERS}
    return pd.DataFrame(columns | numbers), np.array([row["species"] for row in rows])


def train() -> tuple[Pipeline, float]:
    """The pipeline, and its accuracy on a quarter of the penguins that it has not seen."""
    rows, species = table()
    seen, unseen, seen_species, unseen_species = train_test_split(rows, species, random_state=0, stratify=species)
    columns = [("words", OneHotEncoder(handle_unknown="ignore"), WORDS), ("numbers", StandardScaler(), NUMBERS)]
    pipeline = make_pipeline(ColumnTransformer(columns), LogisticRegression(max_iter=1000)).fit(seen, seen_species)
    return pipeline, float(pipeline.score(unseen, unseen_species))


def build(pipeline: Pipeline) -> onnx.ModelProto:
    """The graph: island, sex string [n, 1] and four numbers float32 [n, 1] -> label string [n], probabilities by species."""
    words = [(name, StringTensorType([None, 1])) for name in WORDS]
    numbers = [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    model = to_onnx(pipeline, initial_types=words + numbers, target_opset={"": 17, "ai.onnx.ml": 3})
    model.graph.name = "penguins"
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    trained, accuracy = train()
    onnx.save(build(trained), FILE)
    print(f"wrote {FILE}; accuracy on unseen penguins {accuracy:.3f}")
