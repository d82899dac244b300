"""What a graph takes and gives, and how that agrees with what a manifest declares."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gpux_api.v1alpha1 import TensorSpec
from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.tensors.dtypes import ElementType

Dim = int | str | None
"""A dimension: fixed, varying under a name that it shares with others, or varying without one."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph.

    Attributes:
        element: the element type; None for an output that is no dense tensor (a sequence or a map).
        shape: the dimensions; () is a scalar, or a graph that says nothing about it (ONNX Runtime reports both alike).
        required: False for an input with a default in the graph.
        max_length: characters of the longest string taken; None for no limit.
    """

    name: str
    element: ElementType | None
    shape: tuple[Dim, ...]
    required: bool = True
    description: str | None = None
    max_length: int | None = None

    def describe(self) -> dict[str, object]:
        """The tensor as /info shows it, with -1 for a varying dimension."""
        shape = [dim if isinstance(dim, int) else -1 for dim in self.shape]
        shown: dict[str, object] = {
            "name": self.name,
            "type": self.element.name if self.element else "object",
            "shape": shape,
        }
        if not self.required:
            shown["required"] = False
        if self.description:
            shown["description"] = self.description
        return shown


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a graph, in its order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    optional_inputs: tuple[Tensor, ...] = field(default=())
    """Inputs with a default in the graph; taken only where the manifest declares them."""


def declared(graph: Signature, inputs: Sequence[TensorSpec] | None, outputs: Sequence[TensorSpec] | None) -> Signature:
    """The signature that is served: the graph's, narrowed by the manifest.

    Raises:
        LoadError: SchemaMismatch, naming each tensor on which the two disagree.
    """
    available = {tensor.name: tensor for tensor in (*graph.inputs, *graph.optional_inputs)}
    found_inputs, problems = _narrow("input", available, inputs, default=graph.inputs)
    found_outputs, more = _narrow("output", {t.name: t for t in graph.outputs}, outputs, default=graph.outputs)
    problems += more
    if not found_outputs:
        problems.append("spec.outputs is empty: name an output, or remove it to answer all")
    served = {tensor.name for tensor in found_inputs}
    problems += [
        f"input '{t.name}' of the graph is not declared: add it to spec.inputs"
        for t in graph.inputs
        if t.name not in served
    ]
    for spec, tensor in zip(inputs or (), found_inputs, strict=False):
        if tensor.required and not getattr(spec, "required", True):
            problems.append(
                f"input '{tensor.name}' is declared with required: false, but the graph has no default for it"
            )
    if problems:
        raise LoadError(LoadReason.SCHEMA_MISMATCH, "the manifest disagrees with the graph: " + "; ".join(problems))
    return Signature(found_inputs, found_outputs)


def _narrow(
    what: str, available: dict[str, Tensor], specs: Sequence[TensorSpec] | None, default: tuple[Tensor, ...]
) -> tuple[tuple[Tensor, ...], list[str]]:
    if specs is None:
        return default, []
    tensors, problems = [], []
    for spec in specs:
        if (tensor := available.get(spec.name)) is None:
            names = ", ".join(f"'{name}'" for name in available)
            problems.append(f"{what} '{spec.name}' is not in the graph, which has {names}")
            continue
        problems += [f"{what} '{spec.name}' {problem}" for problem in _disagreements(spec, tensor)]
        shape = tensor.shape if spec.shape is None else _merge(spec.shape, tensor.shape)
        tensors.append(
            Tensor(
                tensor.name, tensor.element, shape, tensor.required, spec.description, getattr(spec, "max_length", None)
            )
        )
    return tuple(tensors), problems


def _disagreements(spec: TensorSpec, tensor: Tensor) -> list[str]:
    problems = []
    found = tensor.element.name if tensor.element else "object"
    if spec.type is not None and spec.type != found:
        problems.append(f"is declared {spec.type}, the graph has {found}")
    if spec.shape is not None and tensor.shape:
        same_rank = len(spec.shape) == len(tensor.shape)
        if not same_rank or any(
            isinstance(have, int) and want != have for want, have in zip(spec.shape, tensor.shape, strict=False)
        ):
            problems.append(f"is declared with shape {spec.shape}, the graph has {tensor.describe()['shape']}")
    return problems


def _merge(want: Sequence[int], have: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The declared sizes where they are fixed, the graph's own names where they vary."""
    names: tuple[Dim, ...] = have if len(have) == len(want) else (None,) * len(want)
    return tuple(size if size >= 0 else name for size, name in zip(want, names, strict=True))
