"""Kubernetes quantities: what is one, and what it is worth."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from gpux_api.quantity import Quantity, value_of

ADAPTER: TypeAdapter[int | str] = TypeAdapter(Quantity)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), (2, 2), ("500m", "0.5"), ("1.5", "1.5"), (".5", "0.5"), ("5.", 5), ("+1", 1), ("-1", -1), ("1k", 1000), ("1Ki", 1024),
        ("1.5Gi", 1610612736), ("2M", 2000000), ("1e3", 1000), ("1E3", 1000),
        ("1E", 10**18), ("1Ei", 2**60), ("100n", "1e-7"), ("3u", "3e-6"),
    ],
)  # fmt: skip
def test_value(text: int | str, value: int | str) -> None:
    assert value_of(text) == Decimal(value)
    assert ADAPTER.validate_python(text) == text, "it is kept as it is written"


@pytest.mark.parametrize(
    "wrong", ["", "Gi", "1GB", "1 Gi", "1gi", "one", "0x10", "1,5", "1\n", "--1", 0.5, True, None, [], "1KI", "∞"]
)
def test_not_a_quantity(wrong: object) -> None:
    with pytest.raises(ValidationError, match="is not a quantity: write") as caught:
        ADAPTER.validate_python(wrong)
    assert caught.value.error_count() == 1


def test_value_of_nonsense() -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        value_of("1GB")
