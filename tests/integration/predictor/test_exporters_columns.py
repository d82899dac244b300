"""Pipelines on data frames, which skl2onnx gives an input for each column or for each block of columns: strings and whole numbers
beside floats.

Left out: ZipMap after float64 inputs, which ONNX Runtime 1.31 does not load.
"""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from gpux_predictor.errors import BadRequest, LoadError
from tabularmodels import exporters, quietly, serve, table
from tabularmodels.frames import matches, pipeline

IRIS = table("iris")


def check(found: list[dict[str, Any]], model: Any, frame: pd.DataFrame) -> None:
    assert [row["predicted_class"] for row in found] == model.predict(frame).tolist()
    values = [list(row["probabilities"].values()) for row in found]
    np.testing.assert_allclose(values, model.predict_proba(frame), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize(
    ("zipmap", "dtype"), [(True, np.float32), (False, np.float32), (False, np.float64), ("columns", np.float64)]
)
def test_an_input_for_each_column(tmp_path: Path, zipmap: Any, dtype: type) -> None:
    frame = matches(dtype)
    model = quietly(pipeline(), frame, IRIS.y)
    onnx = exporters.sklearn(model, frame, zipmap=zipmap)
    assert len(onnx.graph.input) == 5
    served = serve(tmp_path, onnx, [*reversed(frame.columns)])
    rows = frame.to_dict("records")
    check(served.predict(rows * 2), model, pd.concat([frame, frame]))
    check([served.one(rows[77]), *served.predict(rows[78:80])], model, frame[77:80])
    assert served.loaded.plan.batched, served.loaded.learnt.proof.why
    unseen = frame[:1].assign(home="Nobody", round=9)
    check([served.one(unseen.to_dict("records")[0])], model, unseen)


def test_a_regressor_of_columns(tmp_path: Path) -> None:
    frame = matches()
    model = pipeline(LinearRegression()).fit(frame, IRIS.x[:, 0])
    found = serve(tmp_path, exporters.sklearn(model, frame), list(frame.columns)).predict(frame.to_dict("records"))
    np.testing.assert_allclose([row["predicted_value"] for row in found], model.predict(frame), rtol=1e-4)


def test_absent_numbers_beside_strings(tmp_path: Path) -> None:
    """missing: nan is for the floats; a string has no such value, and stays required."""
    frame = matches().drop(columns="round")
    frame.loc[::3, "form"] = np.nan
    steps = [
        ("numbers", SimpleImputer(strategy="median"), ["elo diff (Δ)", "form"]),
        ("names", OrdinalEncoder(), ["home", "cup"]),
    ]
    forest = RandomForestClassifier(5, max_depth=4, random_state=0)
    model = make_pipeline(ColumnTransformer(steps), forest).fit(frame, IRIS.y)
    served = serve(tmp_path, exporters.sklearn(model, frame), list(frame.columns), missing="nan")
    rows = [{name: value for name, value in row.items() if not pd.isna(value)} for row in frame.to_dict("records")]
    assert len(rows[0]) == 3
    check(served.predict(rows), model, frame)
    with pytest.raises(BadRequest, match="Missing required feature: 'home'"):
        served.one({"form": 1, "cup": "no"})


def test_a_default_for_an_input_of_its_own(tmp_path: Path) -> None:
    frame = matches()
    model = quietly(pipeline(), frame, IRIS.y)
    onnx = exporters.sklearn(model, frame)
    served = serve(tmp_path, onnx, list(frame.columns), defaults={"round": 2, "form": 1.5})
    rows = frame[["elo diff (Δ)", "home", "cup"]].to_dict("records")
    check(served.predict(rows), model, frame.assign(round=2, form=1.5))
    with pytest.raises(LoadError, match="defaults: .*'round': expected integer"):
        serve(tmp_path, onnx, list(frame.columns), defaults={"round": 2.5})
    with pytest.raises(LoadError, match="defaults are numbers and 'home' takes strings"):
        serve(tmp_path, onnx, list(frame.columns), defaults={"home": 0})


def test_blocks_of_columns(tmp_path: Path) -> None:
    """The form of skl2onnx's own examples: one input of the numbers, one of the strings."""
    frame = matches()
    model = quietly(pipeline(), frame, IRIS.y)
    blocks = [("numbers", ["elo diff (Δ)", "form"]), ("words", ["home", "cup"]), ("round", ["round"])]
    steps = [
        ("numbers", StandardScaler(), slice(0, 2)),
        ("names", OneHotEncoder(handle_unknown="ignore"), slice(2, 4)),
    ]
    columns = [name for _, names in blocks[:2] for name in names]
    model = quietly(
        make_pipeline(ColumnTransformer(steps), LogisticRegression(max_iter=40)),
        frame[columns].to_numpy(object),
        IRIS.y,
    )
    onnx = exporters.typed(model, [("numbers", FloatTensorType([None, 2])), ("words", StringTensorType([None, 2]))])
    served = serve(tmp_path, onnx, columns)
    check(served.predict(frame[columns].to_dict("records")), model, frame[columns].to_numpy(object))
    with pytest.raises(LoadError, match="3 features do not fit 4 columns: .*'numbers' 2, 'words' 2"):
        serve(tmp_path, onnx, columns[:3])


def test_strings_alone(tmp_path: Path) -> None:
    frame = matches()[["home", "cup"]]
    model = quietly(make_pipeline(OneHotEncoder(), LogisticRegression()), frame.to_numpy(str), IRIS.y)
    served = serve(tmp_path, exporters.typed(model, [("X", StringTensorType([None, 2]))]), ["home", "cup"])
    check(served.predict(frame.to_dict("records")), model, frame.to_numpy(str))


def test_categories_that_the_encoder_refuses(tmp_path: Path) -> None:
    """OneHotEncoder's default: an unknown one is the caller's error; a sample lets the warm-up see the known ones."""
    frame = matches()[["form", "home"]]
    steps = [("form", "passthrough", ["form"]), ("home", OneHotEncoder(), ["home"])]
    model = quietly(make_pipeline(ColumnTransformer(steps), LogisticRegression(max_iter=40)), frame, IRIS.y)
    onnx, rows = exporters.sklearn(model, frame), frame.to_dict("records")
    blind = serve(tmp_path, onnx, ["form", "home"])
    check(blind.predict(rows), model, frame)
    assert "give one in spec.samples" in blind.loaded.learnt.proof.why
    with pytest.raises(BadRequest, match="Inference failed: .*Unknown Category"):
        blind.one({"form": 1, "home": "Nobody"})
    samples = [
        {"request": {"row": 0, "features": row}, "response": {"prediction": {"predicted_class": int(label)}}}
        for row, label in zip(rows[::40], model.predict(frame)[::40], strict=True)
    ]
    served = serve(tmp_path, onnx, ["form", "home"], samples=samples)
    check(served.predict(rows), model, frame)
    assert served.loaded.plan.batched, served.loaded.learnt.proof.why


def test_an_input_that_is_called_features(tmp_path: Path) -> None:
    model = quietly(LogisticRegression(max_iter=40), IRIS.x, IRIS.y)
    onnx = exporters.typed(model, [("features", FloatTensorType([None, 4]))])
    served = serve(tmp_path, onnx, IRIS.features)
    [one] = IRIS.rows()[:1]
    assert served.one(one)["predicted_class"] == 0
    raw = orjson.loads(served.loaded.predict(orjson.dumps({"features": [list(one.values())]})))
    assert raw["output_label"] == [0]


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"home": 5}, "Invalid feature type for 'home': expected string"),
        ({"home": None}, "Missing required feature: 'home'"),
        ({"home": ["Arsenal"]}, "Invalid feature type for 'home': expected string"),
        ({"round": 2.5}, "Invalid feature type for 'round': expected integer"),
        ({"round": 2**63}, "'round': 9223372036854775808 is out of range for int64"),
        ({"form": "1.5"}, "Invalid feature type for 'form': expected number"),
        ({"form": True}, "Invalid feature type for 'form': expected number"),
        ({"home_": "Arsenal"}, "Unknown feature: 'home_', did you mean 'home'?"),
        ({"elo diff": 1}, "Unknown feature: 'elo diff', did you mean 'elo diff (Δ)'?"),
    ],
)
def test_wrong_values(tmp_path: Path, changed: dict[str, Any], detail: str) -> None:
    frame = matches()
    model = quietly(pipeline(), frame, IRIS.y)
    served = serve(tmp_path, exporters.sklearn(model, frame), list(frame.columns))
    [row] = frame[:1].to_dict("records")
    with pytest.raises(BadRequest) as caught:
        served.one(row | changed)
    assert detail in caught.value.detail


def test_features_that_are_not_the_inputs(tmp_path: Path) -> None:
    frame = matches()
    onnx = exporters.sklearn(quietly(pipeline(), frame, IRIS.y), frame)
    with pytest.raises(LoadError, match="the graph has 5 inputs .*not among them: 'away'; without a feature: 'home'"):
        serve(tmp_path, onnx, ["elo diff (Δ)", "form", "round", "away", "cup"])
    with pytest.raises(LoadError, match="the graph needs 'elo_diff__Δ_', .* beside 'form'"):
        serve(tmp_path, onnx, ["form"], input="form")
