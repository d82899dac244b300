"""The converters, as their documentation calls them: skl2onnx 1.20, onnxmltools 1.16."""

import warnings
from typing import Any

import numpy as np
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as lightgbm_node
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as xgboost_node
from skl2onnx import convert_sklearn, to_onnx, update_registered_converter
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

OLD = {"": 17, "ai.onnx.ml": 3}
"""Opsets for the converters that refuse the newest: of anomaly detectors, and of boosted trees in pipelines."""


def sklearn(model: Any, x: Any, opset: dict[str, int] | None = None, **options: Any) -> Any:
    """skl2onnx: an input for all columns of an array, or one for each column of a data frame; options are the model's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return to_onnx(model, x[:1], options={id(model): options} if options else None, target_opset=opset)


def typed(model: Any, inputs: list[tuple[str, Any]]) -> Any:
    """skl2onnx with the inputs that the caller wants."""
    return convert_sklearn(model, initial_types=inputs)


def lightgbm(model: Any, columns: int, **options: Any) -> Any:
    """onnxmltools of a LightGBM model, its scikit-learn wrapper or its Booster."""
    return convert_lightgbm(model, initial_types=_x(columns), **options)


def xgboost(model: Any, columns: int) -> Any:
    """onnxmltools of an XGBoost model, its scikit-learn wrapper or its Booster."""
    return convert_xgboost(model, initial_types=_x(columns))


def register(classifier: type, alias: str) -> None:
    """Lets skl2onnx convert pipelines that end in a LightGBM or XGBoost classifier."""
    node = lightgbm_node if "lightgbm" in classifier.__module__ else xgboost_node
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    update_registered_converter(classifier, alias, calculate_linear_classifier_output_shapes, node, options=options)


def _x(columns: int) -> list[tuple[str, FloatTensorType]]:
    return [("X", FloatTensorType([None, columns]))]


def chosen(probabilities: Any, classes: Any) -> Any:
    """The likeliest class of each row, which Boosters leave to their callers."""
    return np.asarray(classes)[np.asarray(probabilities).argmax(axis=1)]
