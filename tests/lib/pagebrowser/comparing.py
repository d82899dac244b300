"""Two pictures of a page, pixel by pixel."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

NEAR = 4
"""Of 255 in each colour: what another processor rounds otherwise."""
FEW = 8
"""Pixels: less than a letter has."""


@dataclass(frozen=True)
class Difference:
    """Where two pictures differ.

    Attributes:
        pixels: how many; -1 where the sizes do.
        image: both side by side, and between them the new one, pale, with what differs in red.
    """

    pixels: int
    image: Image.Image

    @property
    def equal(self) -> bool:
        """Whether one may stand for the other."""
        return 0 <= self.pixels <= FEW


def difference(old: Image.Image, new: Image.Image, besides: Iterable[tuple[float, ...]] = ()) -> Difference:
    """Compares RGB pictures but for what is in the boxes `besides` (left, top, right, bottom in pixels)."""
    if old.size != new.size:
        return Difference(-1, _beside(old, new))
    before, after = np.asarray(old, np.int16), np.asarray(new, np.int16)
    differs = np.abs(before - after).max(axis=-1) > NEAR
    for box in besides:
        left, top, right, bottom = (max(0, round(edge)) for edge in box)
        differs[top : bottom + 1, left : right + 1] = False
    marked = np.where(differs[..., None], np.array([255, 0, 0]), 192 + after // 4).astype(np.uint8)
    return Difference(int(differs.sum()), _beside(old, Image.fromarray(marked), new))


def _beside(*images: Image.Image) -> Image.Image:
    width, height = sum(image.width for image in images), max(image.height for image in images)
    shown = Image.new("RGB", (width, height), "white")
    left = 0
    for image in images:
        shown.paste(image, (left, 0))
        left += image.width
    return shown
