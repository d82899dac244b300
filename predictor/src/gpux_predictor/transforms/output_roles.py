"""Which output of a graph is what in a prediction, by the types and names that exporters of classifiers give.

skl2onnx and onnxmltools give a classifier the label [N] (int64 or string) and the probabilities: a tensor [N, C]; with ZipMap a list
of N maps of class to probability; with zipmap="columns" an output [N] a class, named `i3` or `ssetosa`. With output_class_labels a
third output [C] names the classes. A classifier of K targets gives labels [N, K] with K tensors [N, C] of probabilities, as a list
or as one tensor [K, N, C]. A regressor gives [N, 1].
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gpux_predictor.tensors.signature import Signature, Tensor

_COLUMNS_BESIDE = "output_label"
"""The name of the label beside outputs that are classes (skl2onnx `_parse._apply_zipmap`)."""
_CLASSES = "class_labels"
"""The name of the output of classes (skl2onnx `_parse._parse_sklearn_classifier`)."""
_SCORES = re.compile("score|logit|distance|decision|margin", re.IGNORECASE)


@dataclass(frozen=True)
class Roles:
    """The names of outputs.

    Attributes:
        label: of a classifier, its decision.
        probabilities: what is a probability, or called one, for each class.
        columns: by an output that is the probability of one class, the class.
        classes: the classes in the order of the probabilities.
        several: the label and the probabilities are of several targets.
        values: everything else.
    """

    label: str | None = None
    probabilities: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    classes: str | None = None
    several: bool = False
    values: tuple[str, ...] = ()

    @property
    def classifies(self) -> bool:
        """Whether there is a class to tell."""
        return self.label is not None or self.probabilities is not None


_UNNAMED = (
    "numbers of columns: for the names of classes write labels of '{}' into spec.outputs, or export with ZipMap or "
    "output_class_labels"
)


def describe(signature: Signature, labelled: Collection[str]) -> dict[str, object]:
    """From which outputs a prediction is made, for /info.

    Args:
        signature: what is served.
        labelled: the outputs with labels in the manifest.
    """
    roles = find(signature)
    if not roles.classifies:
        return {"predicted_value" if len(roles.values) == 1 else "predicted_values": list(roles.values)}
    found: dict[str, object] = {"predicted_class": roles.label or "the likeliest"}
    if roles.columns:
        found |= {"probabilities": list(roles.columns), "keys": "classes of the graph"}
    elif roles.probabilities is not None:
        dense = any(tensor.name == roles.probabilities and tensor.element is not None for tensor in signature.outputs)
        told = not roles.several and (roles.classes is not None or not dense)
        named = "labels of spec.outputs" if roles.probabilities in labelled else "classes of the graph" if told else ""
        found |= {"probabilities": roles.probabilities, "keys": named or _UNNAMED.format(roles.probabilities)}
    return found | ({"beside": list(roles.values)} if roles.values else {})


def find(signature: Signature) -> Roles:
    """The roles of a graph's outputs.

    The label is the first output of integers or strings with one value a row. Probabilities are the first sequence or, beside a
    label, the first float tensor with more than one column, unless its name says that it is scores; without a label only under a
    name with "prob". Everything else is a value.
    """
    outputs = signature.outputs
    label = next((t for t in outputs if _is_label(t) and t.name != _CLASSES), None)
    targets = None if label else next((t for t in outputs if _is_label_of_targets(t)), None)
    if targets is not None:
        chances = next((t.name for t in outputs if _is_probabilities_of_targets(t)), None)
        if chances is None:
            return Roles(values=_rest(outputs))  # columns that are not told apart
        return Roles(targets.name, chances, several=True, values=_rest(outputs, targets.name, chances))
    if label is not None and (columns := _columns(label, outputs)):
        return Roles(label.name, columns=columns, values=_rest(outputs, label.name, *columns))
    found = next((t for t in outputs if _is_probabilities(t, label is not None)), None)
    name, chances = label.name if label else None, found.name if found else None
    dense = found is not None and found.element is not None
    classes = next((t.name for t in outputs if dense and t.name == _CLASSES and _is_fixed(t)), None)
    return Roles(name, chances, classes=classes, values=_rest(outputs, name, chances, classes))


def _rest(outputs: Sequence[Tensor], *names: str | None) -> tuple[str, ...]:
    return tuple(tensor.name for tensor in outputs if tensor.name not in names)


def _kind(tensor: Tensor) -> str:
    return tensor.element.kind if tensor.element is not None else ""


def _is_fixed(tensor: Tensor) -> bool:
    return len(tensor.shape) == 1 and isinstance(tensor.shape[0], int)


def _is_label(tensor: Tensor) -> bool:
    one = len(tensor.shape) == 1 or (len(tensor.shape) == 2 and tensor.shape[1] == 1)
    return one and _kind(tensor) in ("i", "s")


def _is_label_of_targets(tensor: Tensor) -> bool:
    return len(tensor.shape) == 2 and _kind(tensor) in ("i", "s") and "label" in tensor.name.lower()


def _is_probabilities(tensor: Tensor, beside_label: bool) -> bool:
    if tensor.element is None:
        return True
    named = "prob" in tensor.name.lower()
    columns = len(tensor.shape) == 2 and tensor.shape[1] != 1 and _kind(tensor) == "f"
    return columns and (named or (beside_label and not _SCORES.search(tensor.name)))


def _is_probabilities_of_targets(tensor: Tensor) -> bool:
    return tensor.element is None or (len(tensor.shape) == 3 and _kind(tensor) == "f" and "prob" in tensor.name.lower())


def _columns(label: Tensor, outputs: Sequence[Tensor]) -> dict[str, str]:
    """The class of each output beside the label, if all are classes."""
    others = [tensor for tensor in outputs if tensor is not label]
    form = re.compile(r"i-?\d+" if _kind(label) == "i" else "s.*", re.DOTALL)
    alike = all(_kind(t) == "f" and len(t.shape) == 1 and form.fullmatch(t.name) for t in others)
    named = label.name.startswith(_COLUMNS_BESIDE)
    return {tensor.name: tensor.name[1:] for tensor in others} if others and alike and named else {}
