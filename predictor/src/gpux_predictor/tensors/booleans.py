"""true and false among numbers, of which numpy makes 1 and 0 without a word: `[true, 2.5]` is `[1.0, 2.5]` to it.

To look at each element would cost as much as to make an array of them; the text tells at once whether there can be any.
"""

from collections.abc import Mapping
from typing import Any

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.signature import Signature


def check(signature: Signature, body: bytes, values: Mapping[str, Any], image_key: str | None = None) -> None:
    """Holds the values of inputs that take numbers against `body`, the JSON in which they came.

    Args:
        signature: what is served.
        body: the JSON.
        values: by the names of inputs.
        image_key: the key of an image, which may be pixels.

    Raises:
        BadRequest: a boolean in a nested array of an input of numbers.
    """
    if not possible(body):
        return
    numbers = {t.name: t.element.name for t in signature.inputs if t.element is not None and t.element.kind in "if"}
    if image_key is not None:
        numbers.setdefault(image_key, "uint8")
    for name, element in numbers.items():
        if _has_boolean(values.get(name)):
            raise BadRequest(f"Invalid input type for '{name}': expected elements of type {element}, found booleans")


def possible(body: bytes) -> bool:
    """Whether the JSON may have a boolean in it."""
    return b"true" in body or b"false" in body


def _has_boolean(value: Any) -> bool:  # noqa: ANN401
    """Whether a nested array has one; a bare value is no matter of arrays, and refused elsewhere."""
    if not isinstance(value, list):
        return False
    return bool in set(map(type, value)) or any(map(_has_boolean, value))
