"""A tabular preprocessing against the graph, before the first request."""

import numpy as np

from gpux_api.v1alpha1.processing import TabularSpec
from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.tensors.shapes import shape_text
from gpux_predictor.tensors.signature import Signature, Tensor


def find(spec: TabularSpec, signature: Signature) -> Tensor:
    """The graph's input for the features: the one named, or its only one, with a column for each.

    Raises:
        LoadError: InvalidPreprocessing.
    """
    names = ", ".join(f"'{tensor.name}'" for tensor in signature.inputs)
    found = [tensor for tensor in signature.inputs if spec.input in (None, tensor.name)]
    if len(found) != 1:
        raise refuse(
            f"input '{spec.input}' is no input of the graph, which has {names}"
            if spec.input
            else f"the graph has {len(found)} inputs ({names}): set input to the one that takes the features"
        )
    tensor, count = found[0], len(spec.features)
    if others := [f"'{other.name}'" for other in signature.inputs if other is not tensor and other.required]:
        raise refuse(
            f"the graph needs {', '.join(others)} beside '{tensor.name}', and requests with features have nothing for it: "
            "serve this model without tabular"
        )
    element = tensor.element
    if element is None or element.kind not in "fi":
        raise refuse(f"input '{tensor.name}' is {element.name if element else 'object'}: features are numbers")
    if len(tensor.shape) > 2 or (tensor.shape and tensor.shape[-1] != count and isinstance(tensor.shape[-1], int)):
        raise refuse(
            f"{count} features do not fit input '{tensor.name}' of the shape {shape_text(tensor)}: "
            "list one feature for each column, in the graph's order"
        )
    return tensor


def fallback(spec: TabularSpec, kind: str) -> dict[str, float]:
    """The value of each feature that may be absent.

    Args:
        kind: of the input's element type.

    Raises:
        LoadError: InvalidPreprocessing, where the graph cannot hold NaN.
    """
    if spec.missing == "nan" and kind == "i":
        raise refuse("the graph's input is of integers, which have no NaN: write missing: error")
    absent = dict.fromkeys(spec.features, np.nan) if spec.missing == "nan" else {}
    return absent | (spec.defaults or {})


def refuse(problem: str) -> LoadError:
    """The error of a tabular preprocessing that does not go with its graph."""
    return LoadError(LoadReason.INVALID_PREPROCESSING, f"preprocessing.tabular: {problem}")


def some(names: list[str]) -> str:
    """The first names of what may be thousands."""
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown
