"""Which input of the graph takes which features, found before the first request."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gpux_api.v1alpha1.processing import TabularSpec
from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.tensors.shapes import shape_text
from gpux_predictor.tensors.signature import Signature, Tensor
from gpux_predictor.transforms.features import some


@dataclass(frozen=True)
class Columns:
    """An input of the graph with the features that are its columns."""

    tensor: Tensor
    features: tuple[str, ...]

    @property
    def flat(self) -> bool:
        """Whether the input is [N], without an axis of columns."""
        return len(self.tensor.shape) == 1


def find(spec: TabularSpec, signature: Signature) -> tuple[Columns, ...]:
    """The graph's inputs with their features.

    The input named, or the graph's only one, takes all of them. Several inputs of one column each, as skl2onnx makes for a data
    frame, take the features of their names. Of several inputs with more columns each takes the next so many.

    Raises:
        LoadError: InvalidPreprocessing.
    """
    if spec.input is None and len(signature.inputs) > 1:
        found = _spread(list(spec.features), signature.inputs)
    else:
        found = (Columns(_named(spec, signature), tuple(spec.features)),)
    for columns in found:
        _check_shape(columns)
    return found


def _named(spec: TabularSpec, signature: Signature) -> Tensor:
    found = [tensor for tensor in signature.inputs if spec.input in (None, tensor.name)]
    if not found:
        raise refuse(f"input '{spec.input}' is no input of the graph, which has {_names(signature.inputs)}")
    if others := [other for other in signature.inputs if other is not found[0] and other.required]:
        raise refuse(
            f"the graph needs {_names(others)} beside '{found[0].name}', and requests with features have nothing for it: "
            "serve this model without tabular, or remove input and list the columns of all inputs as features"
        )
    return found[0]


def _spread(features: list[str], inputs: Sequence[Tensor]) -> tuple[Columns, ...]:
    """The features over several inputs: by their names where each has one column, one input after the other elsewhere."""
    widths = [_width(tensor) for tensor in inputs]
    if all(width == 1 for width in widths):
        return _by_name(features, inputs)
    alone = {tensor.name for tensor, width in zip(inputs, widths, strict=True) if width == 1}
    found, rest = [], features
    for tensor, width in zip(inputs, widths, strict=True):
        found.append(Columns(tensor, tuple(rest[:width])))
        rest = rest[width:]
        if misplaced := [name for name in found[-1].features if name in alone and name != tensor.name]:
            raise refuse(
                f"feature '{misplaced[0]}' stands where input '{tensor.name}' has its columns: {_order(inputs)}"
            )
    if sum(widths) != len(features):
        raise refuse(f"{len(features)} features do not fit {sum(widths)} columns: {_order(inputs)}")
    return tuple(found)


def _by_name(features: list[str], inputs: Sequence[Tensor]) -> tuple[Columns, ...]:
    known = {tensor.name: tensor for tensor in inputs}
    named = {name: name if name in known else _exported(name) for name in features}
    unknown = [name for name in features if named[name] not in known]
    left = [t.name for t in inputs if t.required and t.name not in named.values()]
    if unknown or left or len(set(named.values())) < len(features):
        raise refuse(
            f"the graph has {len(inputs)} inputs ({some(list(known))}), which features must name"
            + (f"; not among them: {some(unknown)}" if unknown else "")
            + (f"; without a feature: {some(left)}" if left else "")
            + ": correct the names, or set input to the only one that is needed"
        )
    return tuple(Columns(known[named[name]], (name,)) for name in features)


def _exported(name: str) -> str:
    """A column's name as skl2onnx writes it (`Topology._generate_unique_name`): `sepal length (cm)` is `sepal_length__cm_`."""
    found = re.sub(r"[^\w+]", "_", name)
    return f"_{found}" if found[:1].isdigit() else found


def _width(tensor: Tensor) -> int:
    columns = 1 if len(tensor.shape) < 2 else tensor.shape[-1]
    if not isinstance(columns, int):
        raise refuse(
            f"input '{tensor.name}' of the shape {shape_text(tensor)} leaves the number of its columns open: "
            "declare its shape in spec.inputs"
        )
    return columns


def _check_shape(columns: Columns) -> None:
    tensor, count = columns.tensor, len(columns.features)
    shape, text = tensor.shape, shape_text(tensor)
    wide = shape[-1] if len(shape) == 2 else 1 if len(shape) == 1 else None
    if len(shape) > 2 or (isinstance(wide, int) and wide != count):
        raise refuse(
            f"{count} features do not fit input '{tensor.name}' of the shape {text}: "
            "list one feature for each column, in the graph's order"
        )
    if shape and isinstance(shape[0], int) and shape[0] != 1:
        raise refuse(
            f"input '{tensor.name}' of the shape {text} takes {shape[0]} rows, a request has one: export a batch axis"
        )


def _order(inputs: Sequence[Tensor]) -> str:
    columns = ", ".join(f"'{tensor.name}' {_width(tensor)}" for tensor in inputs)
    return f"list the columns of each input in the graph's order ({columns})"


def _names(tensors: Sequence[Tensor]) -> str:
    return some([tensor.name for tensor in tensors])


def refuse(problem: str) -> LoadError:
    """The error of a tabular preprocessing that does not go with its graph."""
    return LoadError(LoadReason.INVALID_PREPROCESSING, f"preprocessing.tabular: {problem}")
