"""What is measured: a model, a kind of body and how many connections ask at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .dialects import Dialect, Request
from .models import Feeds, Model


@dataclass(frozen=True)
class Case:
    """One row of the benchmark.

    Attributes:
        key: how the results name it.
        model: which model.
        kind: json, binary or jpeg.
        connections: of the closed loop.
        mixed: whether the samples have many lengths.
        stretch: how many times as long as others its window is: with few answers a second, those under way at its end count.
    """

    key: str
    model: str
    kind: str
    connections: int
    mixed: bool = False
    stretch: float = 1.0

    def samples(self, model: Model) -> list[Feeds]:
        """What is sent, as the dialect's encoder takes it."""
        if self.kind == "jpeg":
            return [{"image": np.frombuffer(content, np.uint8)} for content in model.photos]
        return model.mixed if self.mixed else model.feeds

    def references(self, model: Model) -> list[Feeds]:
        """What onnxruntime is given for each of them."""
        return model.mixed if self.mixed else model.feeds

    def requests(self, model: Model, dialect: Dialect) -> list[Request]:
        """The requests, in the order they are sent."""
        return [dialect.encode(feeds) for feeds in self.samples(model)]


CASES = (
    *(Case(f"tiny, JSON, c={count}", "tiny", "json", count) for count in (1, 16, 64)),
    *(
        Case(f"encoder, JSON, c={count}", "encoder", "json", count, stretch=stretch)
        for count, stretch in ((1, 1), (16, 1), (64, 2))
    ),
    Case("encoder of 8 to 128 tokens, JSON, c=64", "encoder", "json", 64, mixed=True, stretch=2),
    *(Case(f"image, binary, c={count}", "image", "binary", count, stretch=2) for count in (1, 16, 64)),
    Case("image, JSON, c=16", "image", "json", 16),
    Case("JPEG, c=16", "jpeg", "jpeg", 16, stretch=2),
)
MODELS = tuple(dict.fromkeys(case.model for case in CASES))
OVERLOAD = "overload"


def of(model: str, cases: Sequence[Case] = CASES) -> list[Case]:
    """The cases of one model."""
    return [case for case in cases if case.model == model]
