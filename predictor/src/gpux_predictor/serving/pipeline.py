"""From a request's body to the feeds of its runs, and from their results to its answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gpux_predictor.batching.joining import join
from gpux_predictor.batching.plan import MASK, Plan, require_rows
from gpux_predictor.serving import requests
from gpux_predictor.serving.prepare import Prepared, prepare
from gpux_predictor.serving.steps import Steps
from gpux_predictor.tensors import batch_axis, booleans, decode, encode, fast_json
from gpux_predictor.tensors.batch_axis import BatchAxis
from gpux_predictor.tensors.quick import Quick
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.transforms.tabular import TabularTransform

LIGHT_BYTES = 64 * 1024
"""Bodies are read, and results written, on the event loop up to this size: a thread would cost more."""


class Pipeline:
    """What happens to a request before and after its runs.

    Args:
        signature: what is served.
        axis: which tensors have a batch axis.
        steps: the manifest's pre- and postprocessing.
        plan: what may share a run.
        identity: `model_version` and `model_run_id` of answers about entities.
    """

    def __init__(
        self,
        signature: Signature,
        axis: BatchAxis,
        steps: Steps,
        plan: Plan,
        identity: tuple[str | None, str | None] = (None, None),
    ) -> None:
        self._signature = signature
        self.axis = axis
        self._steps = steps
        self._plan = plan
        self._identity = identity
        self._keys = steps.keys()
        self._mask = next((t.name for t in signature.inputs if t.name.removesuffix(":0") == MASK), MASK)
        self.quick = Quick(signature, axis)
        self._plain = not self._keys and steps.tabular is None
        renamed = {name: step.key for name, step in steps.post.steps.items()}
        self._rows = batch_axis.with_outputs(axis, {renamed.get(name, name) for name in axis.outputs})

    @property
    def plain(self) -> bool:
        """Whether nothing stands between JSON and the graph's tensors."""
        return self._plain and not self._steps.post.steps

    @property
    def image_key(self) -> str | None:
        """The request's key for an image; None if the model takes none."""
        return self._steps.image.key if self._steps.image else None

    def heavy(self, body: bytes, content_type: str) -> bool:
        """Whether decoding takes long enough that it must not be done on the event loop."""
        return (
            len(body) > LIGHT_BYTES
            or (self._steps.image is not None and len(body) > 1024)
            or content_type[:5] == "image"
        )

    def decode(self, body: bytes, content_type: str = requests.JSON) -> Prepared:
        """A body of /predict as feeds.

        Raises:
            UnsupportedMedia: a content type that this model does not take.
            BadRequest: saying which input is wrong and what was expected.
        """
        if not requests.is_json(content_type):
            return self._prepare(requests.parse(body, content_type, self.image_key), body)
        if len(body) > fast_json.WORTHWHILE_BYTES and self._steps.tabular is None:
            sent = fast_json.numbers(self._signature, body)
            if sent is not None and self._are_tensors(sent):
                arrays, single = decode.request_numbers(self._signature, self.axis, sent)
                return Prepared([arrays], single)
        request = requests.parse_json(body)
        if isinstance(request, dict):
            booleans.check(self._signature, body, request, self.image_key)
        return self._prepare(request, body)

    def encode(self, prepared: Prepared, results: Sequence[dict[str, Any]], *, named: bool = True) -> bytes:
        """The answer to a request, as JSON.

        Args:
            results: the outputs of each of its parts.
            named: the prediction for one entity says which; a task's result does not.
        """
        if prepared.entities:
            return self._predictions(prepared, results, named=named)
        outputs = self.outputs(prepared, results)
        return encode.to_json(batch_axis.squeeze(self._rows, outputs) if prepared.single else outputs)

    def prepare(self, request: Any) -> Prepared:  # noqa: ANN401
        """A request that is no JSON: as `decode`, of an object of keys to values.

        Raises:
            BadRequest: saying which input is wrong and what was expected.
        """
        return prepare(self._signature, self.axis, self._steps, self._plan, request)

    @property
    def tabular(self) -> TabularTransform | None:
        """What turns named features into rows; None if the model takes none."""
        return self._steps.tabular

    def digest(self) -> str:
        """What tells the files beside the model, the tokenizer's, from others; empty where there are none."""
        return self._steps.text.digest() if self._steps.text else ""

    def takes(self) -> tuple[list[str], list[Tensor]]:
        """The keys of requests that the steps take, and the graph's inputs that a request fills itself."""
        filled = self._steps.fills()
        return self._steps.keys(), [tensor for tensor in self._signature.inputs if tensor.name not in filled]

    def predictions(self, outputs: Mapping[str, Any], count: int) -> list[dict[str, object]]:
        """What is said of each entity.

        Args:
            outputs: of the graph, with a row for each entity.
            count: the entities.
        """
        return self._steps.predictions.answers(outputs, count, *self._identity)

    def rows(self, outputs: Mapping[str, Any], count: int) -> list[bytes]:
        """The answer to each sample of a batch, as JSON: what it would have got alone.

        Args:
            outputs: from `outputs`.
            count: the samples.

        Raises:
            InferenceFailed: an output has no row for each sample.
        """
        require_rows(outputs, count)
        return [
            encode.to_json(batch_axis.squeeze(self._rows, {name: value[i : i + 1] for name, value in outputs.items()}))
            for i in range(count)
        ]

    def outputs(self, prepared: Prepared, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The outputs of a request after the manifest's steps, by the answer's keys, with its rows in its order."""
        if self._steps.post.steps or prepared.lengths:
            lengths = prepared.lengths or [()] * len(results)
            results = [self._post(*part) for part in zip(prepared.parts, results, lengths, strict=True)]
        outputs = results[0] if len(results) == 1 else join(results)
        if prepared.order:
            outputs = {name: _reordered(value, prepared.order) for name, value in outputs.items()}
        return outputs

    def _prepare(self, request: Any, body: bytes) -> Prepared:  # noqa: ANN401
        if self._plain:
            if (found := self.quick.decode(request, body)) is not None:
                return Prepared([found.arrays], found.single)
            arrays, single = decode.request_arrays(self._signature, self.axis, request)
            return Prepared([arrays], single)
        return prepare(self._signature, self.axis, self._steps, self._plan, request)

    def _are_tensors(self, sent: Mapping[str, np.ndarray]) -> bool:
        image = self._steps.image
        return image is None or image.key not in sent or image.transform.is_tensor(sent[image.key].shape)

    def _post(
        self, feeds: Mapping[str, np.ndarray], outputs: Mapping[str, Any], lengths: Sequence[int]
    ) -> dict[str, Any]:
        """The answer of a part; where texts were padded and an output has an entry for each token, of each text by itself.

        A softmax or an argmax over the tokens must not see padding, which pooling leaves out by the mask.
        """
        mask, post = feeds.get(self._mask), self._steps.post
        by_token = {name: axis for name, axis in self._plan.axes.items() if name in outputs and not self._pools(name)}
        if not by_token or len(set(lengths)) < 2:
            return post.apply(outputs, mask)
        return join(
            [
                post.apply(
                    {name: _cut(value[i : i + 1], by_token.get(name), length) for name, value in outputs.items()},
                    None if mask is None else mask[i : i + 1],
                )
                for i, length in enumerate(lengths)
            ]
        )

    def _pools(self, output: str) -> bool:
        steps = self._steps.post.steps.get(output)
        return steps is not None and steps.spec.pooling is not None

    def _predictions(self, prepared: Prepared, results: Sequence[Mapping[str, Any]], *, named: bool) -> bytes:
        rows: list[dict[str, object]] = []
        for part, outputs in zip(prepared.parts, results, strict=True):
            count = len(next(iter(part.values())))
            rows += self.predictions(outputs, count)
        if prepared.single and not named:
            return encode.value_to_json(rows[0])
        key = self._steps.tabular.entity_key if self._steps.tabular else ""
        answers = [{key: entity, "prediction": row} for entity, row in zip(prepared.entities, rows, strict=True)]
        return encode.value_to_json(answers[0] if prepared.single else answers)


def _cut(row: Any, axis: int | None, length: int) -> Any:  # noqa: ANN401
    """A row [1, …] without the entries of padding."""
    return row if axis is None else row[(slice(None),) * axis + (slice(length),)]


def _reordered(value: Any, order: Sequence[int]) -> Any:  # noqa: ANN401
    """Rows that stand in the order of the runs, in the request's."""
    if isinstance(value, list):
        found: list[Any] = [None] * len(value)
        for place, item in zip(order, value, strict=True):
            found[place] = item
        return found
    if value.ndim == 0 or len(value) != len(order):
        return value
    return value[np.argsort(np.asarray(order))]
