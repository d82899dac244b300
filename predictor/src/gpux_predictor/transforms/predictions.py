"""What classifiers and regressors of tables answer, as one object a row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gpux_api.v1alpha1.model import OutputSpec
from gpux_api.v1alpha1.processing import PostprocessingSpec
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.transforms import output_roles, prediction_rows
from gpux_predictor.transforms.output_steps import refuse
from gpux_predictor.transforms.postprocess import Postprocessor
from gpux_predictor.transforms.prediction_rows import Row


class Predictions:
    """Reads rows of predictions from the outputs of one graph.

    The keys of probabilities are the labels declared for that output, else the classes if the graph tells them (ZipMap,
    class_labels), else the columns' numbers.

    Args:
        signature: what is served.
        outputs: `spec.outputs`, for their labels.
        spec: `postprocessing`, whose activations, normalisation and names come before; None for none.

    Raises:
        LoadError: SchemaMismatch, for a step that does not go with the graph or with predictions.

    Attributes:
        roles: which output is what.
        names: the labels declared for the probabilities.
    """

    def __init__(
        self, signature: Signature, outputs: Sequence[OutputSpec] | None = None, spec: PostprocessingSpec | None = None
    ) -> None:
        self._post = Postprocessor(spec, None, signature)
        self.roles = output_roles.find(_after(self._post, signature))
        declared = {self._post.key(item.name): item.labels for item in outputs or () if item.labels}
        self.names = declared.get(self.roles.probabilities or "")

    def answers(self, outputs: Mapping[str, Any], count: int, version: str | None, run_id: str | None) -> list[Row]:
        """One prediction a row.

        Args:
            outputs: of the graph, by name, as ONNX Runtime gives them.
            count: rows.
            version: `model_version`.
            run_id: `model_run_id`.

        Returns:
            `{"predicted_class", "probabilities": {"0": 0.58}, …}` of a classifier, lists of both for several targets, other outputs
            beside them under their names; `{"predicted_value": 1.5, …}` of a regressor, a list if it has several columns,
            `{"predicted_values": {output: value}}` if it has several outputs. Numbers keep the graph's precision (numpy scalars).

        Raises:
            InferenceFailed: an output that is not what its type and name promise.
        """
        outputs = self._post.apply(outputs) if self._post.steps else outputs
        rest = {name: prediction_rows.per_row(name, outputs[name], count) for name in self.roles.values}
        if self.roles.several:
            rows = self._several(outputs)
        elif self.roles.classifies:
            rows = self._classes(outputs, count)
        else:
            rows = [
                prediction_rows.regression({name: column[i] for name, column in rest.items()}) for i in range(count)
            ]
            rest = {}
        identity: Row = {"model_version": version, "model_run_id": run_id}
        return [{name: column[i] for name, column in rest.items()} | row | identity for i, row in enumerate(rows)]

    def _classes(self, outputs: Mapping[str, Any], count: int) -> list[Row]:
        label = self.roles.label
        labels = None if label is None else prediction_rows.per_row(label, outputs[label], count)
        maps = self._maps(outputs)
        if not maps:
            return [{"predicted_class": one} for one in labels or ()]
        found = [self._class(row, labels[i] if labels else None) for i, row in enumerate(maps)]
        return [
            {"predicted_class": one, "probabilities": prediction_rows.named(row)}
            for one, row in zip(found, maps, strict=True)
        ]

    def _class(self, row: Mapping[Any, Any], label: Any) -> object:  # noqa: ANN401
        """The label; the likeliest class where there is none, or where its declared names are others than the graph's."""
        if label is not None and (self.names is None or str(label) in self.names):
            return label
        return max(row, key=row.__getitem__)

    def _maps(self, outputs: Mapping[str, Any]) -> list[dict[Any, Any]]:
        """For each row the probability of each class."""
        roles = self.roles
        if roles.columns:
            rows = zip(*(outputs[name] for name in roles.columns), strict=True)
            return [dict(zip(roles.columns.values(), row, strict=True)) for row in rows]
        if roles.probabilities is None:
            return []
        value = outputs[roles.probabilities]
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], np.ndarray):
            [value] = value  # one target of several
        if isinstance(value, np.ndarray):
            keys = self.names or (outputs[roles.classes].tolist() if roles.classes else range(value.shape[-1]))
            return [dict(zip(keys, row, strict=True)) for row in self._fitting(value, len(keys))]
        if not all(isinstance(row, Mapping) for row in value):
            raise prediction_rows.unlike(
                roles.probabilities, "is no map of classes for each row: leave it out of spec.outputs"
            )
        return [{key: np.float32(number) for key, number in row.items()} for row in value]

    def _fitting(self, value: np.ndarray, classes: int) -> np.ndarray:
        if value.shape[-1] != classes:
            raise prediction_rows.unlike(
                str(self.roles.probabilities), f"has {value.shape[-1]} columns for {classes} classes"
            )
        return value

    def _several(self, outputs: Mapping[str, Any]) -> list[Row]:
        """Lists of a class and of probabilities for each target; the columns have their numbers as keys."""
        targets = outputs[self.roles.probabilities or ""]
        labels = outputs[self.roles.label or ""]
        if not all(isinstance(target, np.ndarray) and len(target) == len(labels) for target in targets):
            raise prediction_rows.unlike(str(self.roles.probabilities), "is no tensor of probabilities for each target")
        return [
            {
                "predicted_class": label,
                "probabilities": [prediction_rows.named(dict(enumerate(target[i]))) for target in targets],
            }
            for i, label in enumerate(labels.tolist())
        ]


def _after(post: Postprocessor, signature: Signature) -> Signature:
    """The outputs with their keys, as the steps leave them."""
    for step in post.steps.values():
        if step.spec.pooling or step.spec.top_k or step.spec.argmax:
            raise refuse(
                f"output '{step.output}': predictions of preprocessing.tabular take no pooling, topK or argmax: remove it"
            )
    return replace(signature, outputs=tuple(replace(t, name=post.key(t.name)) for t in signature.outputs))
