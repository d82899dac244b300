"""Which tensors carry a batch axis, so that one sample may come, and its answer go, without it.

The first dimension of an input is its batch axis for this convenience if it varies. A model whose inputs all have a fixed first
dimension of 1 takes one sample at a time and always answers without that axis. An output carries the batch axis if its first
dimension varies under the same name as an input's, or without a name of its own; a varying first dimension with another name
(`num_detections`) is the model's own and stays. This decides how answers are drawn, never how requests are merged.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.signature import Dim, Signature, Tensor

_GENERATED_NAME = re.compile(r"unk__\d+|p2o\.DynamicDimension\.\d+|.+_dim_\d+")
"""How tf2onnx, Paddle2ONNX and torch.onnx write "no name": each dimension gets another one, so that they say nothing."""


@dataclass(frozen=True)
class BatchAxis:
    """The tensors with a batch axis.

    Attributes:
        inputs: inputs whose first dimension varies: all of a request's have it or none.
        single: inputs with a fixed first dimension of 1, which may be left out.
        outputs: outputs to be answered without the axis when the request had none.
        always_single: the model takes one sample at a time; its answers never have the axis.
    """

    inputs: frozenset[str]
    single: frozenset[str]
    outputs: frozenset[str]
    always_single: bool


def find(signature: Signature) -> BatchAxis:
    """The batch axes of a graph, read from the names and sizes of first dimensions."""
    varying = {t.name: t.shape[0] for t in signature.inputs if t.shape and not isinstance(t.shape[0], int)}
    single = frozenset(t.name for t in signature.inputs if t.shape and t.shape[0] == 1)
    always_single = not varying and bool(single)
    names = {name for name in varying.values() if not _nameless(name)}
    outputs = {t.name for t in signature.outputs if t.shape and _carries(t, names, bool(varying), always_single)}
    return BatchAxis(frozenset(varying), single, frozenset(outputs), always_single)


def _nameless(dim: Dim) -> bool:
    return not isinstance(dim, str) or not dim or _GENERATED_NAME.fullmatch(dim) is not None


def _carries(tensor: Tensor, batch_names: set[str | None], varying: bool, always_single: bool) -> bool:
    if not tensor.shape:
        return False
    first = tensor.shape[0]
    if isinstance(first, int):
        return always_single and first == 1
    return varying and (first in batch_names or _nameless(first))


def expand(
    axis: BatchAxis, arrays: Mapping[str, np.ndarray], ranks: Mapping[str, int]
) -> tuple[dict[str, np.ndarray], bool]:
    """The arrays with their batch axes, and whether the answer goes without.

    Args:
        arrays: as decoded; an array may lack its first axis.
        ranks: the number of dimensions that the graph wants of each.

    Raises:
        BadRequest: some inputs have their batch axis and others do not.
    """
    short = {name for name, array in arrays.items() if array.ndim == ranks[name] - 1}
    without, with_ = short & axis.inputs, {name for name in arrays if name not in short} & axis.inputs
    if without and any(arrays[name].shape[0] != 1 for name in with_):
        many, one = sorted(with_)[0], sorted(without)[0]
        raise BadRequest(
            f"Invalid input shape for '{one}': '{many}' is a batch of {arrays[many].shape[0]}, so '{one}' needs its batch axis too"
        )
    expanded = {name: array[np.newaxis] if name in short else array for name, array in arrays.items()}
    return expanded, axis.always_single or bool(without)


def squeeze(axis: BatchAxis, outputs: Mapping[str, object]) -> dict[str, object]:
    """The outputs of one sample without their batch axes."""
    return {name: value[0] if name in axis.outputs and _is_one(value) else value for name, value in outputs.items()}


def with_outputs(axis: BatchAxis, outputs: Iterable[str]) -> BatchAxis:
    """The same axes, with other outputs (or keys of the answer) that have a row for each sample."""
    return replace(axis, outputs=frozenset(outputs))


def _is_one(value: object) -> TypeGuard[np.ndarray | list[object]]:
    return (isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim > 0)) and len(value) == 1
