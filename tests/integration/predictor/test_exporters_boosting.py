"""Boosted trees of LightGBM and XGBoost by onnxmltools, and absent values, which they and HistGradientBoosting learn from.

The versions pinned go together: lightgbm 4.7, xgboost 3.2, onnxmltools 1.16, skl2onnx 1.20. onnxmltools declares the label of a
LightGBM classifier as [1], whatever the batch. Left out, because onnxmltools 1.16 converts them to graphs that answer something else
or nothing: random forests of LightGBM, and of XGBoost with more than two classes. A sample in the manifest finds that.
"""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline

from gpux_predictor.errors import BadRequest
from tabularmodels import Table, exporters, quietly, serve, table

IRIS, CANCER, DIABETES = table("iris"), table("breast_cancer", 8), table("diabetes")
TREES: dict[str, Any] = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}
LIGHT = TREES | {"verbose": -1}
CLASSIFIERS = {
    "lightgbm": (lightgbm.LGBMClassifier, LIGHT, exporters.lightgbm),
    "xgboost": (xgboost.XGBClassifier, TREES, exporters.xgboost),
}


def check(found: list[dict[str, Any]], labels: Any, probabilities: Any, tolerance: float = 1e-4) -> None:
    """Classes and probabilities against the library's."""
    assert [row["predicted_class"] for row in found] == np.asarray(labels).tolist()
    values = [list(row["probabilities"].values()) for row in found]
    np.testing.assert_allclose(values, probabilities, rtol=tolerance, atol=2e-6)


def holed(data: Table) -> np.ndarray:
    """The rows with a fifth of their values absent."""
    holes = np.random.default_rng(0).random(data.x.shape) < 0.2
    return np.where(holes, np.float32(np.nan), data.x)


@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["multiclass", "binary"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(tmp_path: Path, name: str, data: Table) -> None:
    kind, options, export = CLASSIFIERS[name]
    model = kind(**options).fit(data.x, data.y)
    rows = data.rows()[:150]
    served = serve(tmp_path, export(model, len(data.features)), data.features)
    found = served.predict(rows * 2)
    for half in (found[:150], found[150:]):
        check(half, model.predict(data.x[:150]), model.predict_proba(data.x[:150]))
    assert served.one(rows[7])["predicted_class"] == found[7]["predicted_class"]
    assert served.loaded.plan.batched, served.loaded.learnt.proof.why


def test_random_forest_of_xgboost(tmp_path: Path) -> None:
    model = xgboost.XGBRFClassifier(**TREES).fit(CANCER.x, CANCER.y)
    found = serve(tmp_path, exporters.xgboost(model, 8), CANCER.features).predict(CANCER.rows())
    check(found, model.predict(CANCER.x), model.predict_proba(CANCER.x))


@pytest.mark.parametrize("zipmap", [True, False])
def test_string_classes_of_lightgbm(tmp_path: Path, zipmap: bool) -> None:
    names = np.array(["setosa", "versicolor", "virginica"])
    model = lightgbm.LGBMClassifier(**LIGHT).fit(IRIS.x, names[IRIS.y])
    served = serve(tmp_path, exporters.lightgbm(model, 4, zipmap=zipmap), IRIS.features)
    found = served.predict(IRIS.rows())
    check(found, model.predict(IRIS.x), model.predict_proba(IRIS.x))
    assert list(found[0]["probabilities"]) == (names.tolist() if zipmap else ["0", "1", "2"])


def test_boosters(tmp_path: Path) -> None:
    """Without the wrappers there is no predict of classes; the exporters take the likeliest."""
    light = lightgbm.train(
        {"objective": "multiclass", "num_class": 3, "verbose": -1}, lightgbm.Dataset(IRIS.x, IRIS.y), 3
    )
    expected = light.predict(IRIS.x)
    found = serve(tmp_path, exporters.lightgbm(light, 4), IRIS.features).predict(IRIS.rows())
    check(found, exporters.chosen(expected, range(3)), expected)
    extreme = xgboost.train({"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(CANCER.x, CANCER.y), 3)
    expected = extreme.predict(xgboost.DMatrix(CANCER.x))
    found = serve(tmp_path, exporters.xgboost(extreme, 8), CANCER.features).predict(CANCER.rows())
    check(found, expected > 0.5, np.stack([1 - expected, expected], axis=1))


@pytest.mark.parametrize(
    ("model", "export"),
    [(lightgbm.LGBMRegressor(**LIGHT), exporters.lightgbm), (xgboost.XGBRegressor(**TREES), exporters.xgboost)],
    ids=["lightgbm", "xgboost"],
)
def test_regressors(tmp_path: Path, model: Any, export: Any) -> None:
    model.fit(DIABETES.x, DIABETES.y)
    found = serve(tmp_path, export(model, 10), DIABETES.features).predict(DIABETES.rows()[:300])
    np.testing.assert_allclose([row["predicted_value"] for row in found], model.predict(DIABETES.x[:300]), rtol=1e-4)


@pytest.mark.parametrize("kind", [lightgbm.LGBMClassifier, xgboost.XGBClassifier])
def test_pipelines_that_end_in_boosted_trees(tmp_path: Path, kind: Any) -> None:
    """Without a scaler: in float32 its rounding moves rows across the trees' thresholds (skl2onnx's documentation says so, too)."""
    exporters.register(kind, kind.__name__)
    trees = kind(**(LIGHT if kind is lightgbm.LGBMClassifier else TREES))
    model = quietly(make_pipeline(SelectKBest(k=3), trees), IRIS.x, IRIS.y)
    found = serve(tmp_path, exporters.sklearn(model, IRIS.x, exporters.OLD), IRIS.features).predict(IRIS.rows())
    check(found, model.predict(IRIS.x), model.predict_proba(IRIS.x))
    assert list(found[0]["probabilities"]) == ["0", "1", "2"]


MODELS: dict[str, tuple[Any, Any]] = {
    "lightgbm": (lightgbm.LGBMClassifier(**LIGHT), exporters.lightgbm),
    "xgboost": (xgboost.XGBClassifier(**TREES), exporters.xgboost),
    "scikit-learn": (HistGradientBoostingClassifier(max_iter=4, random_state=0), exporters.sklearn),
}


@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["multiclass", "binary"])
@pytest.mark.parametrize("name", MODELS)
def test_absent_values(tmp_path: Path, name: str, data: Table) -> None:
    """missing: nan: null, and a key that is not there, are what the library calls missing."""
    unfitted, export = MODELS[name]
    model = clone(unfitted)
    x = holed(data)
    columns: Any = x if export is exporters.sklearn else len(data.features)
    model.fit(x, data.y)
    rows = data.rows(x)
    sparse = [{name: value for name, value in row.items() if value is not None} for row in rows]
    served = serve(tmp_path, export(model, columns), data.features, missing="nan")
    found = served.predict(rows)
    check(found, model.predict(x), model.predict_proba(x))
    assert served.predict(sparse) == found
    assert served.one({}) == served.one(dict.fromkeys(data.features))
    filled = np.where(np.isnan(x[:, :1]), np.float32(0.5), x[:, :1])
    defaults = serve(tmp_path, export(model, columns), data.features, missing="nan", defaults={data.features[0]: 0.5})
    check(
        defaults.predict(sparse), *(ask(np.hstack([filled, x[:, 1:]])) for ask in (model.predict, model.predict_proba))
    )
    with pytest.raises(BadRequest, match=r"Missing required feature: "):
        serve(tmp_path, export(model, columns), data.features).predict(sparse)
