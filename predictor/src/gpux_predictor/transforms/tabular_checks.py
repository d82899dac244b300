"""Values for absent features, checked before the first request."""

from collections.abc import Mapping, Sequence

import numpy as np

from gpux_api.v1alpha1.processing import TabularSpec
from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.values import element_of
from gpux_predictor.transforms.features import taker
from gpux_predictor.transforms.tabular_columns import Columns, refuse


def fallback(spec: TabularSpec, found: Sequence[Columns]) -> dict[str, float]:
    """The value of each feature that may be absent: its default, or NaN for one of floats with `missing: nan`.

    Raises:
        LoadError: InvalidPreprocessing, where no input can hold NaN, or an input cannot hold a default.
    """
    kinds = {name: element_of(columns.tensor).kind for columns in found for name in columns.features}
    floats = [name for name, kind in kinds.items() if kind == "f"]
    if spec.missing == "nan" and not floats:
        raise refuse("the graph takes no floats, and others have no NaN: write missing: error")
    defaults = spec.defaults or {}
    for columns in found:
        _check_defaults(columns, {name: defaults[name] for name in columns.features if name in defaults})
    return (dict.fromkeys(floats, np.nan) if spec.missing == "nan" else {}) | defaults


def _check_defaults(columns: Columns, defaults: Mapping[str, float]) -> None:
    take = taker(columns.tensor)
    for name, value in defaults.items():
        if element_of(columns.tensor).kind == "s":
            raise refuse(
                f"defaults are numbers and '{name}' takes strings: remove its default, so that callers send it"
            )
        try:
            take(name, value)
        except BadRequest as error:
            raise refuse(f"defaults: {error.detail}") from None
