"""What classifiers and regressors of tables answer, as one object a row.

skl2onnx and onnxmltools give a classifier two outputs: the label [N] (int64 or string) and the probabilities, a tensor [N, C] or,
with ZipMap, a list of N maps of class to probability. A regressor gives [N, 1].
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gpux_api.v1alpha1.model import OutputSpec
from gpux_predictor.tensors.signature import Signature, Tensor


class Predictions:
    """Reads rows of predictions from the outputs of one graph.

    The label is the first output of integers or strings with one value a row. Probabilities are the first sequence of maps or,
    beside a label or under a name with "prob", the first float tensor with more than one column; their keys are the labels
    declared for that output, else the columns' numbers. Everything else is a regression.

    Args:
        signature: what is served.
        outputs: `spec.outputs`, for their labels.
    """

    def __init__(self, signature: Signature, outputs: Sequence[OutputSpec] | None = None) -> None:
        labels = {spec.name: spec.labels for spec in outputs or () if spec.labels}
        self._label = next((tensor.name for tensor in signature.outputs if _is_label(tensor)), None)
        self._probabilities = next(
            (tensor.name for tensor in signature.outputs if _is_probabilities(tensor, self._label is not None)), None
        )
        self._classes = labels.get(self._probabilities or "")
        self._values = [tensor.name for tensor in signature.outputs]

    def answers(self, outputs: Mapping[str, Any], version: str | None, run_id: str | None) -> list[dict[str, object]]:
        """One prediction a row.

        Args:
            outputs: of the graph, by name, as ONNX Runtime gives them: N rows each.
            version: `model_version`.
            run_id: `model_run_id`.

        Returns:
            `{"predicted_class", "probabilities": {"0": 0.58}, …}` of a classifier; `{"predicted_value": 1.5, …}` of a regressor, a
            list if it has several columns, `{"predicted_values": {output: value}}` if it has several outputs. Numbers keep the
            graph's precision (numpy scalars).
        """
        rows = self._classes_of(outputs) if self._label or self._probabilities else self._values_of(outputs)
        identity: dict[str, object] = {"model_version": version, "model_run_id": run_id}
        return [row | identity for row in rows]

    def _classes_of(self, outputs: Mapping[str, Any]) -> list[dict[str, object]]:
        maps = [] if self._probabilities is None else self._maps(outputs[self._probabilities])
        if self._label is None or self._classes:
            found = [max(row, key=row.__getitem__) for row in maps]
        else:
            found = np.asarray(outputs[self._label]).reshape(-1).tolist()
        if not maps:
            return [{"predicted_class": label} for label in found]
        return [
            {"predicted_class": label, "probabilities": {str(key): value for key, value in row.items()}}
            for label, row in zip(found, maps, strict=True)
        ]

    def _maps(self, value: Any) -> list[dict[Any, Any]]:  # noqa: ANN401
        if isinstance(value, np.ndarray):
            keys = self._classes or range(value.shape[-1])
            return [dict(zip(keys, row, strict=True)) for row in value]
        return [{key: np.float32(number) for key, number in row.items()} for row in value]

    def _values_of(self, outputs: Mapping[str, Any]) -> list[dict[str, object]]:
        columns = {name: _per_row(np.asarray(outputs[name])) for name in self._values}
        if len(columns) == 1:
            [values] = columns.values()
            return [{"predicted_value": value} for value in values]
        return [
            {"predicted_values": dict(zip(columns, row, strict=True))} for row in zip(*columns.values(), strict=True)
        ]


def _is_label(tensor: Tensor) -> bool:
    one = len(tensor.shape) == 1 or (len(tensor.shape) == 2 and tensor.shape[1] == 1)
    return one and tensor.element is not None and tensor.element.kind in "is"


def _is_probabilities(tensor: Tensor, beside_label: bool) -> bool:
    if tensor.element is None:
        return True
    columns = len(tensor.shape) == 2 and tensor.shape[1] != 1
    return columns and tensor.element.kind == "f" and (beside_label or "prob" in tensor.name.lower())


def _per_row(array: np.ndarray) -> list[object]:
    """Scalars of [N] and [N, 1], arrays of wider rows."""
    return list(array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array)
