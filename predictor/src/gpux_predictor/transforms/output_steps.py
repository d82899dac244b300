"""The steps of each output, checked against the graph before the first request."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpux_api.v1alpha1.model import OutputSpec
from gpux_api.v1alpha1.processing import OutputProcessingSpec, PostprocessingSpec
from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.tensors.shapes import shape_text
from gpux_predictor.tensors.signature import Signature, Tensor


@dataclass(frozen=True)
class Steps:
    """What happens to one output of the graph.

    Attributes:
        key: the output's key in the answer.
        spec: pooling, activation, normalise, top-k, argmax, in this order.
        labels: the names of the last axis after pooling, None if it has none.
    """

    output: str
    key: str
    spec: OutputProcessingSpec
    labels: tuple[str, ...] | None


def plan(
    spec: PostprocessingSpec | None, outputs: Sequence[OutputSpec] | None, signature: Signature
) -> dict[str, Steps]:
    """The steps of each output that has any, by the graph's name.

    Raises:
        LoadError: SchemaMismatch, naming an output that is unknown or that a step cannot work on.
    """
    specs = {item.output: item for item in (spec.outputs if spec else ())}
    labels = {item.name: tuple(item.labels) for item in outputs or () if item.labels}
    tensors = {tensor.name: tensor for tensor in signature.outputs}
    steps = {}
    for name in [*specs, *(name for name in labels if name not in specs)]:
        if name not in tensors:
            known = ", ".join(f"'{known}'" for known in tensors)
            raise refuse(f"output '{name}' is not served, which has {known}: correct its name")
        item = specs.get(name) or OutputProcessingSpec(output=name)
        steps[name] = Steps(name, item.name or name, item, labels.get(name))
        _check(tensors[name], steps[name])
    keys = [steps[name].key if name in steps else name for name in tensors]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise refuse(f"two outputs would be answered as '{twice[0]}': give them different names")
    return steps


def refuse(problem: str) -> LoadError:
    """The error of a step that does not go with the graph."""
    return LoadError(LoadReason.SCHEMA_MISMATCH, f"postprocessing: {problem}")


def _check(tensor: Tensor, steps: Steps) -> None:
    spec = steps.spec
    what = f"output '{tensor.name}'"
    over_last = bool(spec.activation == "softmax" or spec.normalize or spec.top_k or spec.argmax or steps.labels)
    if not (over_last or spec.pooling or spec.activation):
        return
    if tensor.element is None or tensor.element.kind not in "fi":
        raise refuse(f"{what} is {tensor.element.name if tensor.element else 'object'}: steps and labels need numbers")
    rank = len(tensor.shape)
    if spec.pooling and rank not in (0, 3):
        raise refuse(
            f"{what} has the shape {shape_text(tensor)}, pooling needs [batch, tokens, dimension]: remove pooling"
        )
    one_a_sample = rank == 1 and not (isinstance(tensor.shape[0], int) and tensor.shape[0] > 1)
    if over_last and one_a_sample:
        raise refuse(
            f"{what} has the shape {shape_text(tensor)}, one number a sample: softmax, normalize, topK, argmax and labels need more"
        )
    last = tensor.shape[-1] if rank else None
    if steps.labels and isinstance(last, int) and len(steps.labels) != last:
        raise refuse(f"{what} has {last} values a sample and {len(steps.labels)} labels: write one label for each")
