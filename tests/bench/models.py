"""The models that are served, with the inputs that are sent to them and what raw onnxruntime answers."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from .graphs import bert, bert_numpy, mlp, mobilenet, weights
from .peers.common import session

Feeds = dict[str, np.ndarray]
TOKENS = 32
MIXED_TOKENS = (8, 128)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, per channel."""
PHOTO = (640, 480)
"""Width and height of the JPEG, in pixels."""


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes:
        name: also the key of its cases.
        file: the ONNX file.
        feeds: distinct samples, each a batch of one.
        mixed: samples of many lengths, where the model takes them.
        photos: for the image net, JPEG files whose decoded form `feeds` has.
        source: where the weights are from.
    """

    name: str
    file: Path
    feeds: list[Feeds]
    mixed: list[Feeds] = field(default_factory=list)
    photos: list[bytes] = field(default_factory=list)
    source: str = "random weights"


def build(name: str, folder: Path) -> Model:
    """One of tiny, encoder, image and jpeg, its file written into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return {"tiny": _tiny, "encoder": _encoder, "image": _image, "jpeg": _jpeg}[name](folder)


def _tiny(folder: Path) -> Model:
    random = np.random.default_rng(1)
    feeds = [{"x": random.standard_normal((1, 4), dtype=np.float32)} for _ in range(16)]
    return Model("tiny", mlp.build(folder / "tiny.onnx"), feeds)


def _encoder(folder: Path) -> Model:
    values, source = weights.minilm()
    shape = bert.Shape()
    file = bert.build(folder / "encoder.onnx", values, shape)
    random = np.random.default_rng(2)
    feeds = [tokens(random, TOKENS) for _ in range(16)]
    lengths = random.permutation(np.linspace(*MIXED_TOKENS, num=64).astype(int))
    model = Model("encoder", file, feeds, [tokens(random, int(length)) for length in lengths], source=source)
    _verify(model, bert_numpy.run(values, shape, feeds[0]))
    return model


def tokens(random: np.random.Generator, length: int, vocabulary: int = bert.Shape().vocabulary) -> Feeds:
    """Random token ids of one text."""
    ids = random.integers(1, vocabulary, (1, length))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def _verify(model: Model, expected: np.ndarray) -> None:
    found = session(str(model.file)).run(None, model.feeds[0])[0]
    if not np.allclose(found, expected, atol=1e-4, rtol=1e-4):
        raise AssertionError(
            f"the {model.name} graph is {np.abs(found - expected).max()} away from its numpy reference"
        )


def _image(folder: Path) -> Model:
    random = np.random.default_rng(3)
    size = mobilenet.SIZE
    feeds = [{"image": random.standard_normal((1, 3, size, size), dtype=np.float32)} for _ in range(4)]
    return Model("image", mobilenet.build(folder / "image.onnx"), feeds)


def _jpeg(folder: Path) -> Model:
    photos = [photo(number) for number in range(4)]
    feeds = [{"image": decoded(content)} for content in photos]
    return Model("jpeg", mobilenet.build(folder / "image.onnx"), feeds, photos=photos)


def photo(number: int) -> bytes:
    """A JPEG with smooth shapes and some grain, as cameras make them."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(
        PHOTO, Image.Resampling.BICUBIC
    )
    grain = random.normal(0, 4, (PHOTO[1], PHOTO[0], 3))
    pixels = np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """The tensor of a JPEG by the usual recipe: Pillow decodes and resizes, numpy normalises; float32 [1, 3, 224, 224]."""
    size = (mobilenet.SIZE, mobilenet.SIZE)
    pixels = Image.open(io.BytesIO(content)).convert("RGB").resize(size, Image.Resampling.BILINEAR)
    scaled = np.asarray(pixels, dtype=np.float32) / np.float32(255)
    normal = (scaled - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)


def answers(model: Model, samples: list[Feeds]) -> list[np.ndarray]:
    """What raw onnxruntime answers to each sample: the only output."""
    running = session(str(model.file))
    return [running.run(None, dict(feeds))[0] for feeds in samples]
