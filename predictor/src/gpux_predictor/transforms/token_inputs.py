"""The inputs of a graph that a tokenizer fills, and how long they may be."""

from dataclasses import dataclass

import numpy as np

from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.tensors.shapes import shape_text
from gpux_predictor.tensors.signature import Signature, Tensor

IDS = "input_ids"
ROLES = (IDS, "attention_mask", "token_type_ids")
"""The names that transformers and optimum give to the token inputs of every exported model."""


@dataclass(frozen=True)
class TokenInputs:
    """The token inputs that a graph has.

    Attributes:
        names: the role of a token input to the graph's own name, in the order of `ROLES`.
        dtypes: by the graph's name.
        fixed_length: the graph's fixed sequence dimension, None if it varies.
    """

    names: dict[str, str]
    dtypes: dict[str, np.dtype]
    fixed_length: int | None


def find(signature: Signature) -> TokenInputs:
    """The token inputs by name; tf2onnx's suffix `:0` does not count.

    Raises:
        LoadError: InvalidPreprocessing if there is no `input_ids`, or one of them is no [batch, sequence] of numbers.
    """
    by_role = {tensor.name.removesuffix(":0"): tensor for tensor in signature.inputs}
    tensors = {role: by_role[role] for role in ROLES if role in by_role}
    if "input_ids" not in tensors:
        names = ", ".join(f"'{tensor.name}'" for tensor in signature.inputs)
        raise refuse(
            f"the graph has no input 'input_ids', only {names}: remove preprocessing.text, or export the model with input_ids"
        )
    lengths = {length for role, tensor in tensors.items() if (length := _check(role, tensor)) is not None}
    if len(lengths) > 1:
        raise refuse(f"the graph's token inputs have different lengths, {sorted(lengths)}: export the model again")
    return TokenInputs(
        {role: tensor.name for role, tensor in tensors.items()},
        {tensor.name: _dtype(tensor) for tensor in tensors.values()},
        lengths.pop() if lengths else None,
    )


def masks(signature: Signature) -> dict[str, int]:
    """What goes beside made-up token ids: a mask of ones, type ids of zeros.

    Empty if the graph takes anything but tokens of varying length, or has no mask to tell padding by.
    """
    shapes = {tensor.name: tensor.shape for tensor in signature.inputs}
    varying = all(len(shape) == 2 and not isinstance(shape[1], int) for shape in shapes.values())
    if not varying or not {IDS, "attention_mask"} <= shapes.keys() <= set(ROLES):
        return {}
    return {role: int(role == "attention_mask") for role in shapes if role != IDS}


def refuse(problem: str) -> LoadError:
    """The error of a text preprocessing that does not go with its graph or its files."""
    return LoadError(LoadReason.INVALID_PREPROCESSING, f"preprocessing.text: {problem}")


def _check(role: str, tensor: Tensor) -> int | None:
    """The tensor's fixed length, if it has one."""
    dtype = _dtype(tensor)
    if dtype.kind not in "iufb" or (role == "input_ids" and dtype not in (np.dtype("int32"), np.dtype("int64"))):
        found = tensor.element.name if tensor.element else "object"
        raise refuse(f"input '{tensor.name}' is {found}: token ids are int32 or int64, export the model again")
    if not tensor.shape:
        return None
    if len(tensor.shape) != 2:
        raise refuse(f"input '{tensor.name}' has the shape {shape_text(tensor)}: tokens need [batch, sequence]")
    return tensor.shape[1] if isinstance(tensor.shape[1], int) else None


def _dtype(tensor: Tensor) -> np.dtype:
    return tensor.element.dtype if tensor.element else np.dtype(object)
