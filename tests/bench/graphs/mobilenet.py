"""The image net: MobileNetV2 (Sandler et al. 2018, table 2) with random weights and its batch normalisation folded in.

image float32 [batch, 3, 224, 224] -> scores float32 [batch, 1000].
"""

from pathlib import Path

import numpy as np

from onnxmodels import tensor

from .nodes import Nodes

BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, repeats and the first stride of each stage."""
SIZE, CLASSES = 224, 1000


def build(path: Path) -> Path:
    """Writes the graph."""
    nodes, random = Nodes(), np.random.default_rng(9)
    hidden = _relu6(nodes, _convolution(nodes, random, "image", 3, 32, kernel=3, stride=2))
    channels = 32
    for expansion, wanted, repeats, first_stride in BLOCKS:
        for number in range(repeats):
            stride = first_stride if number == 0 else 1
            hidden = _block(nodes, random, hidden, (channels, channels * expansion, wanted), stride)
            channels = wanted
    hidden = _relu6(nodes, _convolution(nodes, random, hidden, channels, 1280))
    flat = nodes.add("Flatten", nodes.add("GlobalAveragePool", hidden))
    weights = random.standard_normal((1280, CLASSES), dtype=np.float32) / np.float32(np.sqrt(1280))
    nodes.add("Gemm", flat, weights, np.zeros(CLASSES, np.float32), output="scores")
    image = tensor("image", "float32", ["batch", 3, SIZE, SIZE])
    return nodes.save(path, [image], [tensor("scores", "float32", ["batch", CLASSES])])


def _block(nodes: Nodes, random: np.random.Generator, x: str, sizes: tuple[int, int, int], stride: int) -> str:
    """An inverted residual: expand, filter each channel, project; added to its input where the shapes agree."""
    before, inner, after = sizes
    hidden = x if inner == before else _relu6(nodes, _convolution(nodes, random, x, before, inner))
    hidden = _relu6(nodes, _convolution(nodes, random, hidden, inner, inner, kernel=3, stride=stride, group=inner))
    hidden = _convolution(nodes, random, hidden, inner, after)
    return nodes.add("Add", hidden, x) if stride == 1 and before == after else hidden


def _convolution(
    nodes: Nodes,
    random: np.random.Generator,
    x: str,
    before: int,
    after: int,
    kernel: int = 1,
    stride: int = 1,
    group: int = 1,
) -> str:
    """A convolution with He's initialisation, so that activations keep their size through the net."""
    shape = (after, before // group, kernel, kernel)
    weights = random.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    pads, strides = [kernel // 2] * 4, [stride, stride]
    return nodes.add("Conv", x, weights, np.zeros(after, np.float32), pads=pads, strides=strides, group=group)


def _relu6(nodes: Nodes, x: str) -> str:
    return nodes.add("Clip", x, 0.0, 6.0)
