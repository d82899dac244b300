"""The manifest's pre- and postprocessing, built for one graph."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpux_api.v1alpha1.resource import GpuxModelSpec
from gpux_predictor.engine.source import companion
from gpux_predictor.tensors.signature import Signature
from gpux_predictor.transforms.image import ImageTransform
from gpux_predictor.transforms.image_checks import find_tensor
from gpux_predictor.transforms.postprocess import Postprocessor
from gpux_predictor.transforms.predictions import Predictions
from gpux_predictor.transforms.tabular import TabularTransform
from gpux_predictor.transforms.text import TextTransform

TRIAL_TOKENS = 32
"""Tokens of the texts that the warm-up runs: a short paragraph."""
_TEXT = "the quick brown fox jumps over a lazy dog while seven bright stars fall slowly into the cold northern sea"


@dataclass(frozen=True)
class ImageStep:
    """Images under one key of a request to one input of the graph."""

    key: str
    tensor: str
    transform: ImageTransform


@dataclass(frozen=True)
class Steps:
    """What happens to a request before its run, and to its results after it."""

    post: Postprocessor
    predictions: Predictions
    text: TextTransform | None = None
    text_key: str = ""
    pair_key: str | None = None
    image: ImageStep | None = None
    tabular: TabularTransform | None = None

    def keys(self) -> list[str]:
        """The keys that requests may hold beside the graph's inputs."""
        found = [self.text_key, self.pair_key] if self.text else []
        return [key for key in (*found, self.image.key if self.image else None) if key]

    def fills(self) -> frozenset[str]:
        """The graph's inputs that the steps fill."""
        filled = set(self.text.inputs) if self.text else set()
        return frozenset(filled | ({self.image.tensor} if self.image else set()))


def build(spec: GpuxModelSpec, root: Path, signature: Signature) -> Steps:
    """The steps of a manifest.

    Args:
        root: the model's source on this machine, where the tokenizer is.

    Raises:
        LoadError: InvalidPreprocessing or SchemaMismatch, where they do not go with the graph.
    """
    before = spec.preprocessing
    text = before.text if before else None
    image = before.image if before else None
    tabular = before.tabular if before else None
    step = None
    if image is not None:
        tensor = find_tensor(image, signature)
        step = ImageStep(image.input, tensor.name, ImageTransform(image, tensor))
    return Steps(
        post=Postprocessor(spec.postprocessing, spec.outputs, signature),
        predictions=Predictions(signature, spec.outputs, spec.postprocessing if tabular else None),
        text=TextTransform(text, companion(root, text.tokenizer), signature) if text else None,
        text_key=text.input if text else "",
        pair_key=text.pair_with if text else None,
        image=step,
        tabular=TabularTransform(tabular, signature) if tabular else None,
    )


def trial_rows(text: TextTransform, count: int) -> list[dict[str, np.ndarray]]:
    """Texts of one length for the warm-up, each as a batch of one; the tokens are real ones, none is padding."""
    words = _TEXT.split()
    texts = [" ".join((words[i:] + words[:i]) * 4) for i in range(count)]
    rows = text.encode(texts, texts if text.takes_pairs else None)
    if text.fixed_length is not None:
        return [text.pad_rows([row]) for row in rows]
    length = min(TRIAL_TOKENS, *(row[text.inputs[0]].size for row in rows))
    return [{name: array[np.newaxis, :length] for name, array in row.items()} for row in rows]
