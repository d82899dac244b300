"""What the clients of the soak send: distinct samples of mixed shapes with raw onnxruntime's answers, and poison."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import models
from .graphs import bert, mlp
from .models import Feeds, Model

COUNT, POISONED = 256, 16
TOKENS, ROWS = (4, 64), (1, 6)
"""Lengths of texts, and sizes of batches."""
SAMPLES = ("tiny", "encoder")


@dataclass(frozen=True)
class Sample:
    """One request: its inputs, and the right answer; None if the graph refuses its values when it runs."""

    feeds: Feeds
    expected: np.ndarray | None


def model_with(name: str, folder: Path) -> tuple[Model, list[Sample]]:
    """A model of `SAMPLES` and what is sent to it, the innocent first."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    if name == "tiny":
        file = mlp.build(folder / "lookup.onnx", lookup=True)
        model = Model("lookup", file, [_rows(random) for _ in range(COUNT)])
        guilty = [feeds | {"row": feeds["row"] + 1000} for feeds in (_rows(random) for _ in range(POISONED))]
    else:
        built = models.build(name, folder)
        lengths = random.integers(*TOKENS, COUNT)
        model = Model(name, built.file, [models.tokens(random, int(length)) for length in lengths])
        guilty = [_beyond_vocabulary(models.tokens(random, int(length))) for length in lengths[:POISONED]]
    answers = models.answers(model, model.feeds)
    innocent = [Sample(feeds, answer) for feeds, answer in zip(model.feeds, answers, strict=True)]
    return model, [*innocent, *(Sample(feeds, None) for feeds in guilty)]


def _rows(random: np.random.Generator) -> Feeds:
    size = int(random.integers(*ROWS))
    return {"x": random.standard_normal((size, 4), dtype=np.float32), "row": random.integers(0, mlp.ROWS, size)}


def _beyond_vocabulary(feeds: Feeds) -> Feeds:
    ids = feeds["input_ids"].copy()
    ids[0, -1] = bert.Shape().vocabulary + 1000
    return feeds | {"input_ids": ids}
