"""What is known before a warm-up: what the manifest wants, which inputs are right, and what the session is like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from gpux_predictor.engine.proof import ON_CPU, Allowed

MOST_ROWS, FEW_ROWS = 256, 64
"""The largest batch tried where the manifest names no limit, and that of a session of few sizes."""


@dataclass(frozen=True)
class Wish:
    """What the manifest says of batching (`runtime.batching`)."""

    batch_axis: str = "auto"
    max_rows: int | None = None


@dataclass(frozen=True)
class Traits:
    """What is known of a session beyond its graph.

    Attributes:
        allowed: differences between results that are rounding.
        sizes: how many batch sizes may be in use, None for any.
    """

    allowed: Allowed = field(default_factory=lambda: ON_CPU)
    sizes: int | None = None


@dataclass(frozen=True)
class Hints:
    """What is known of a graph's inputs beyond their types.

    Attributes:
        samples: samples that are known to be right, first axis 1; made up where empty.
        pad: for inputs of tokens the value of padding.
        constant: inputs that are this number everywhere where samples are made up: an attention mask.
    """

    samples: Sequence[Mapping[str, np.ndarray]] = ()
    pad: Mapping[str, int] = field(default_factory=dict)
    constant: Mapping[str, int] = field(default_factory=dict)


def sizes(wish: Wish, traits: Traits) -> tuple[int, int]:
    """The largest batch to try, and the factor from one size to the next."""
    if traits.sizes == 1:
        return 1, 2
    if traits.sizes is None:
        return wish.max_rows or MOST_ROWS, 2
    most, steps = wish.max_rows or FEW_ROWS, traits.sizes - 1
    return most, next(step for step in count(2) if step**steps >= most)
