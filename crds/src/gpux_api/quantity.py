"""Kubernetes quantities (`500m`, `2Gi`): their schema, and their value for comparisons.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go, "serialization format".
"""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def _valid(value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(PATTERN[1:-1], str(value)):
        raise ValueError(
            f"{value!r} is not a quantity: write a whole number, or text with an optional suffix, like 500m or 4Gi"
        )
    return value


SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "pattern": PATTERN,
    "maxLength": 64,
    "x-kubernetes-int-or-string": True,
}
Quantity = Annotated[int | str, BeforeValidator(_valid), WithJsonSchema(SCHEMA)]


def value_of(quantity: int | str) -> Decimal:
    """The quantity's value in its base unit (cores, bytes, pieces).

    Raises:
        ValueError: not a quantity.
    """
    text = str(_valid(quantity))
    suffix = re.search(r"([KMGTPE]i|[numkMGTPE])$", text)
    if suffix is None:
        return Decimal(text)
    number, unit = Decimal(text[: suffix.start()]), suffix.group()
    return number * (Decimal(2) ** _BINARY[unit] if unit in _BINARY else Decimal(10) ** _DECIMAL[unit])
