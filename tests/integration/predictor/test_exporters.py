"""Models of tables as scikit-learn trains and skl2onnx exports them, served by manifest: answers against the library's own.

Each model is asked for one row, for three and for 300 in one request. Left out, because skl2onnx 1.20 does not convert
them, or not to what ONNX Runtime loads: KNeighborsClassifier of several targets, forests of several targets of strings,
TransformedTargetRegressor.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tabularmodels import Served, Table, exporters, quietly, serve, table

IRIS, CANCER, DIABETES = table("iris"), table("breast_cancer", 8), table("diabetes")
NAMES = np.array(["setosa", "versicolor", "virginica"])
LOGISTIC = LogisticRegression(max_iter=40)
CLASSIFIERS = {
    "LogisticRegression": LOGISTIC,
    "RandomForest": RandomForestClassifier(5, max_depth=3, random_state=0),
    "DecisionTree": DecisionTreeClassifier(max_depth=3, random_state=0),
    "GradientBoosting": GradientBoostingClassifier(n_estimators=3, random_state=0),
    "HistGradientBoosting": HistGradientBoostingClassifier(max_iter=3, random_state=0),
    "SVC": SVC(probability=True, random_state=0),
    "MLP": MLPClassifier((8,), max_iter=60, random_state=0),
    "KNeighbors": KNeighborsClassifier(3),
    "GaussianNB": GaussianNB(),
    "Calibrated": CalibratedClassifierCV(LinearSVC(random_state=0), cv=2),
    "SGD": make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
    "scaled": make_pipeline(StandardScaler(), LOGISTIC),
    "polynomial": make_pipeline(MinMaxScaler(), PolynomialFeatures(2), LOGISTIC),
    "Voting": VotingClassifier([("a", LOGISTIC), ("b", GaussianNB())], voting="soft", flatten_transform=False),
    "Stacking": StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier(max_depth=2))], LOGISTIC, cv=2),
}
REGRESSORS = {
    "LinearRegression": LinearRegression(),
    "Ridge": Ridge(),
    "RandomForest": RandomForestRegressor(5, max_depth=3, random_state=0),
    "GradientBoosting": GradientBoostingRegressor(n_estimators=3, random_state=0),
    "HistGradientBoosting": HistGradientBoostingRegressor(max_iter=3, random_state=0),
    "SVR": SVR(),
    "KNeighbors": KNeighborsRegressor(3),
    "MLP": MLPRegressor(hidden_layer_sizes=(8,), max_iter=60, random_state=0),
}


def asked(served: Served, data: Table) -> list[dict[str, Any]]:
    """300 predictions, of which a request for one and one for three rows got the same, but for rounding."""
    rows = (data.rows() * 3)[:300]
    found = served.predict(rows)
    for part, again in ((found[:3], served.predict(rows[:3])), (found[-1:], [served.one(rows[299])])):
        for left, right in zip(part, again, strict=True):
            assert left.keys() == right.keys()
            assert left.get("predicted_class") == right.get("predicted_class")
            if "probabilities" in left and isinstance(left["probabilities"], dict):
                assert left["probabilities"] == pytest.approx(right["probabilities"], rel=1e-5, abs=1e-7)
    assert all((row["model_version"], row["model_run_id"]) == ("7", "run") for row in found)
    return found


def x300(data: Table) -> np.ndarray:
    return np.concatenate([data.x] * 3)[:300]


def check(found: list[dict[str, Any]], labels: Any, probabilities: Any, classes: Any) -> None:
    """Classes and probabilities against the library's."""
    assert [row["predicted_class"] for row in found] == np.asarray(labels).tolist()
    assert list(found[0]["probabilities"]) == [str(name) for name in classes]
    values = [list(row["probabilities"].values()) for row in found]
    np.testing.assert_allclose(values, probabilities, rtol=1e-4, atol=2e-6)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # SVC(probability=True), which most served SVCs are
@pytest.mark.parametrize(
    ("data", "zipmap"),
    [(IRIS, True), (IRIS, False), (CANCER, "columns")],
    ids=["three as maps", "three as a tensor", "two as columns"],
)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(tmp_path: Path, name: str, data: Table, zipmap: Any) -> None:
    model = quietly(CLASSIFIERS[name], data.x, data.y)
    served = serve(tmp_path, exporters.sklearn(model, data.x, zipmap=zipmap), data.features)
    check(asked(served, data), model.predict(x300(data)), model.predict_proba(x300(data)), model.classes_)


@pytest.mark.parametrize(
    ("zipmap", "keys"), [(True, NAMES), ("columns", NAMES), (False, range(3))], ids=["map", "columns", "tensor"]
)
def test_string_classes(tmp_path: Path, zipmap: Any, keys: Any) -> None:
    model = quietly(LOGISTIC, IRIS.x, NAMES[IRIS.y])
    served = serve(tmp_path, exporters.sklearn(model, IRIS.x, zipmap=zipmap), IRIS.features)
    check(asked(served, IRIS), model.predict(x300(IRIS)), model.predict_proba(x300(IRIS)), keys)


@pytest.mark.parametrize("classes", [(3, 5, 7), (-1, 0, 1), (10**9, 10**12, 2**62)], ids=str)
@pytest.mark.parametrize("zipmap", [True, "columns"])
def test_other_whole_numbers_as_classes(tmp_path: Path, zipmap: Any, classes: tuple[int, ...]) -> None:
    model = quietly(LOGISTIC, IRIS.x, np.array(classes)[IRIS.y])
    served = serve(tmp_path, exporters.sklearn(model, IRIS.x, zipmap=zipmap), IRIS.features)
    check(asked(served, IRIS), model.predict(x300(IRIS)), model.predict_proba(x300(IRIS)), classes)


@pytest.mark.parametrize("classes", [np.array([3, 5, 7]), NAMES], ids=["numbers", "strings"])
def test_classes_that_a_tensor_does_not_tell(tmp_path: Path, classes: np.ndarray) -> None:
    """zipmap=False: the columns' numbers, the labels of the manifest, or skl2onnx's output_class_labels."""
    model = quietly(LOGISTIC, IRIS.x, classes[IRIS.y])
    labels, expected = model.predict(x300(IRIS)), model.predict_proba(x300(IRIS))
    onnx = exporters.sklearn(model, IRIS.x, zipmap=False)
    check(asked(serve(tmp_path, onnx, IRIS.features), IRIS), labels, expected, range(3))
    declared = [{"name": "label"}, {"name": "probabilities", "labels": [str(name) for name in classes]}]
    check(asked(serve(tmp_path, onnx, IRIS.features, outputs=declared), IRIS), labels, expected, classes)
    onnx = exporters.sklearn(model, IRIS.x, zipmap=False, output_class_labels=True)
    check(asked(serve(tmp_path, onnx, IRIS.features), IRIS), labels, expected, classes)


def test_the_label_stands_where_it_is_not_the_likeliest(tmp_path: Path) -> None:
    """An SVC decides by its margins, and its probabilities are fitted after that: here they disagree on some rows."""
    data = Table(IRIS.features, IRIS.x / IRIS.x.std(axis=0), IRIS.y + 1)
    model = quietly(SVC(probability=True, random_state=0, C=0.1), data.x, data.y)
    labels, expected = model.predict(x300(data)), model.predict_proba(x300(data))
    assert (labels != model.classes_[expected.argmax(axis=1)]).any()
    onnx = exporters.sklearn(model, data.x, zipmap=False)
    declared = [{"name": "label"}, {"name": "probabilities", "labels": ["1", "2", "3"]}]
    check(asked(serve(tmp_path, onnx, data.features, outputs=declared), data), labels, expected, [1, 2, 3])


@pytest.mark.parametrize("data", [IRIS, CANCER], ids=["multiclass", "binary"])
def test_raw_scores(tmp_path: Path, data: Table) -> None:
    """skl2onnx calls them probabilities all the same; of two classes it writes the score of the second for both, one negated."""
    model = quietly(LOGISTIC, data.x, data.y)
    onnx = exporters.sklearn(model, data.x, zipmap=False, raw_scores=True)
    scores = model.decision_function(x300(data))
    expected = scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)
    found = asked(serve(tmp_path, onnx, data.features), data)
    assert [row["predicted_class"] for row in found] == model.predict(x300(data)).tolist()
    np.testing.assert_allclose([list(row["probabilities"].values()) for row in found], expected, rtol=1e-3, atol=1e-4)


def test_a_softmax_over_raw_scores(tmp_path: Path) -> None:
    model = quietly(LOGISTIC, IRIS.x, IRIS.y)
    onnx = exporters.sklearn(model, IRIS.x, zipmap=False, raw_scores=True)
    softmax = {"outputs": [{"output": "probabilities", "activation": "softmax"}]}
    served = serve(tmp_path, onnx, IRIS.features, postprocessing=softmax)
    check(asked(served, IRIS), model.predict(x300(IRIS)), model.predict_proba(x300(IRIS)), range(3))


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(tmp_path: Path, name: str) -> None:
    model = quietly(REGRESSORS[name], DIABETES.x, DIABETES.y)
    served = serve(tmp_path, exporters.sklearn(model, DIABETES.x), DIABETES.features)
    found = [row["predicted_value"] for row in asked(served, DIABETES)]
    np.testing.assert_allclose(found, model.predict(x300(DIABETES)), rtol=1e-4)


@pytest.mark.parametrize(
    "model", [LinearRegression(), MultiOutputRegressor(Ridge())], ids=lambda model: type(model).__name__
)
def test_regressors_of_several_targets(tmp_path: Path, model: Any) -> None:
    quietly(model, DIABETES.x, np.stack([DIABETES.y, DIABETES.y**2], axis=1))
    served = serve(tmp_path, exporters.sklearn(model, DIABETES.x), DIABETES.features)
    found = [row["predicted_value"] for row in asked(served, DIABETES)]
    np.testing.assert_allclose(found, model.predict(x300(DIABETES)), rtol=1e-4)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (MultiOutputClassifier(LOGISTIC), [0, 1, 2]),
        (MultiOutputClassifier(LOGISTIC), NAMES),
        (RandomForestClassifier(5, max_depth=3, random_state=0), [0, 1, 2]),
    ],
    ids=["apart", "strings", "forest"],
)
def test_classifiers_of_several_targets(tmp_path: Path, model: Any, names: Any) -> None:
    """Lists of a class and of probabilities; a forest's tensor has a column for each class of the target with most."""
    quietly(model, IRIS.x, np.stack([np.array(names)[IRIS.y], np.array(names)[IRIS.y // 2]], axis=1))
    found = asked(serve(tmp_path, exporters.sklearn(model, IRIS.x, zipmap=False), IRIS.features), IRIS)
    assert [row["predicted_class"] for row in found] == model.predict(x300(IRIS)).tolist()
    for target, expected in enumerate(model.predict_proba(x300(IRIS))):
        values = [list(row["probabilities"][target].values())[: expected.shape[1]] for row in found]
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=2e-6)


def test_one_target_of_several(tmp_path: Path) -> None:
    model = quietly(MultiOutputClassifier(LOGISTIC), IRIS.x, IRIS.y[:, np.newaxis])
    served = serve(tmp_path, exporters.sklearn(model, IRIS.x, zipmap=False), IRIS.features)
    [expected] = model.predict_proba(x300(IRIS))
    check(asked(served, IRIS), model.predict(x300(IRIS))[:, 0], expected, range(3))


def test_several_labels_of_a_network(tmp_path: Path) -> None:
    """skl2onnx puts the complements before the probabilities, [N, 2K] beside labels [N, K]: they are answered as they are."""
    model = quietly(
        MLPClassifier((8,), max_iter=60, random_state=0), IRIS.x, np.stack([IRIS.y > 0, IRIS.y == 1], 1) * 1
    )
    found = asked(serve(tmp_path, exporters.sklearn(model, IRIS.x, zipmap=False), IRIS.features), IRIS)
    values = [row["predicted_values"] for row in found]
    assert [row["label"] for row in values] == model.predict(x300(IRIS)).tolist()
    np.testing.assert_allclose(
        [row["probabilities"][2:] for row in values], model.predict_proba(x300(IRIS)), rtol=1e-4, atol=2e-6
    )


def test_anomalies_and_clusters(tmp_path: Path) -> None:
    """No probabilities: the scores are answered under their own name."""
    forest = IsolationForest(n_estimators=5, random_state=0).fit(IRIS.x)
    found = asked(serve(tmp_path, exporters.sklearn(forest, IRIS.x, exporters.OLD), IRIS.features), IRIS)
    assert [row["predicted_class"] for row in found] == forest.predict(x300(IRIS)).tolist()
    np.testing.assert_allclose(
        [row["scores"] for row in found], forest.decision_function(x300(IRIS)), rtol=1e-4, atol=1e-6
    )
    means = KMeans(3, n_init=1, random_state=0).fit(IRIS.x)
    found = asked(serve(tmp_path, exporters.sklearn(means, IRIS.x), IRIS.features), IRIS)
    assert [row["predicted_class"] for row in found] == means.predict(x300(IRIS)).tolist()
    np.testing.assert_allclose([row["scores"] for row in found], means.transform(x300(IRIS)), rtol=1e-3, atol=1e-3)
    assert "probabilities" not in found[0]
