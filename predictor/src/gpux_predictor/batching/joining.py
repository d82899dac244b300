"""The results of a request's pieces as one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def join(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results of a request's pieces as one."""
    if len(results) == 1:
        return dict(results[0])
    return {name: _joined([result[name] for result in results]) for name in results[0]}


def _joined(values: list[Any]) -> Any:  # noqa: ANN401
    """Rows one after the other; arrays whose rows differ in shape (an entry for each token) become a list of rows."""
    if any(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    if values[0].ndim == 0:
        return np.stack(values)
    if any(value.shape[1:] != values[0].shape[1:] for value in values):
        return [row for value in values for row in value]
    return np.concatenate(values)
