"""Named steps on the graph's outputs: pooling, activation, normalise, then top-k, argmax or labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gpux_api.v1alpha1.model import OutputSpec
from gpux_api.v1alpha1.processing import PostprocessingSpec
from gpux_predictor.errors import InferenceFailed
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.transforms import arithmetic
from gpux_predictor.transforms.output_steps import Steps, plan


class Postprocessor:
    """Turns outputs of the graph into what is answered.

    Args:
        spec: `postprocessing`, None for none.
        outputs: `spec.outputs`, for their labels.
        signature: what is served.

    Attributes:
        steps: by the graph's output name; outputs without an entry pass as they are.

    Raises:
        LoadError: SchemaMismatch, if a step does not go with the graph.
    """

    def __init__(
        self, spec: PostprocessingSpec | None, outputs: Sequence[OutputSpec] | None, signature: Signature
    ) -> None:
        self.steps: Mapping[str, Steps] = plan(spec, outputs, signature)

    def key(self, output: str) -> str:
        """The answer's key of a graph's output."""
        return self.steps[output].key if output in self.steps else output

    def apply(self, outputs: Mapping[str, object], mask: np.ndarray | None = None) -> dict[str, object]:
        """The answer of a batch.

        Args:
            outputs: by the graph's names, each with the samples as its first axis.
            mask: attention mask [n, tokens] for mean pooling; None keeps all tokens.

        Returns:
            By the answer's keys, in the order of `outputs`: arrays [n, …], or lists of n answers with labels or top-k.
            A top-k answer is a list of `{"label" or "index", "score"}`, one with labels alone is `{label: value}`, an argmax a
            label or index; an axis between samples and values (tokens) becomes a list in each.

        Raises:
            InferenceFailed: an output of a shape on which its steps cannot work.
        """
        return {
            self.key(name): _process(self.steps[name], value, mask)
            if name in self.steps and isinstance(value, np.ndarray)
            else value
            for name, value in outputs.items()
        }


def _process(steps: Steps, array: np.ndarray, mask: np.ndarray | None) -> object:
    spec = steps.spec
    if spec.pooling:
        array = _pool(steps, array, mask)
    if spec.activation == "sigmoid":
        array = arithmetic.sigmoid(array)
    if not (spec.activation == "softmax" or spec.normalize or spec.top_k or spec.argmax or steps.labels):
        return array
    if array.ndim < 2 or array.shape[-1] == 0:
        raise InferenceFailed(
            f"Inference failed: output '{steps.output}' has the shape {list(array.shape)}, no values a sample"
        )
    if spec.activation == "softmax":
        array = arithmetic.softmax(array)
    if spec.normalize:
        array = arithmetic.normalize(array)
    return _named(steps, array)


def _pool(steps: Steps, array: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    fits = array.ndim == 3 and array.shape[1] > 0
    if not fits or (mask is not None and mask.shape != array.shape[:2]):
        raise InferenceFailed(
            f"Inference failed: output '{steps.output}' has the shape {list(array.shape)}, pooling needs a vector for each token"
        )
    return arithmetic.mean_pool(array, mask) if steps.spec.pooling == "mean" else array[:, 0]


def _named(steps: Steps, array: np.ndarray) -> object:
    labels, spec = steps.labels, steps.spec
    if labels is not None and len(labels) != array.shape[-1]:
        raise InferenceFailed(
            f"Inference failed: output '{steps.output}' has {array.shape[-1]} values a sample and {len(labels)} labels"
        )
    if spec.argmax:
        indices = array.argmax(axis=-1)
        return indices if labels is None else np.array(labels, dtype=object)[indices]
    if spec.top_k:
        return _top(array, spec.top_k, labels)
    if labels is None:
        return array
    return _nested(array.shape[:-1], [dict(zip(labels, row, strict=True)) for row in _lines(array)])


def _top(array: np.ndarray, k: int, labels: tuple[str, ...] | None) -> object:
    indices, scores = arithmetic.largest(array, k)
    key = "index" if labels is None else "label"
    answers = [
        [
            {key: index if labels is None else labels[index], "score": score}
            for index, score in zip(line, row, strict=True)
        ]
        for line, row in zip(_lines(indices).tolist(), _lines(scores), strict=True)
    ]
    return _nested(array.shape[:-1], answers)


def _lines(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, array.shape[-1])


def _nested(shape: tuple[int, ...], items: Sequence[object]) -> Any:  # noqa: ANN401
    """The items as lists in lists of the shape."""
    places = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):  # at once, numpy would look into them
        places[index] = item
    return places.reshape(shape).tolist()
