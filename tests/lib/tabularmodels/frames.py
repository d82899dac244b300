"""A data frame with strings and whole numbers beside floats, and a pipeline that takes it."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tabularmodels import table

_IRIS = table("iris")
_CLUBS = np.array(["Arsenal", "Wolves", "Málaga CF", ""])


def matches(dtype: type = np.float32) -> pd.DataFrame:
    """Two numbers, a whole number and two strings a row, some of them telling the class."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(_IRIS.x[:, 2:].astype(dtype), columns=["elo diff (Δ)", "form"])
    frame["round"] = random.integers(1, 5, len(frame))
    frame["home"] = _CLUBS[(_IRIS.y + random.integers(0, 2, len(frame))) % 4]
    frame["cup"] = np.where(_IRIS.y == 1, "yes", "no")
    return frame


def pipeline(last: Any = None) -> Pipeline:
    """Scaled numbers and one-hot names, then a logistic regression or `last`."""
    steps = [
        ("numbers", StandardScaler(), ["elo diff (Δ)", "form"]),
        ("names", OneHotEncoder(handle_unknown="ignore"), ["home", "cup"]),
        ("round", OneHotEncoder(handle_unknown="ignore"), ["round"]),
    ]
    return make_pipeline(ColumnTransformer(steps), last or LogisticRegression(max_iter=40))
