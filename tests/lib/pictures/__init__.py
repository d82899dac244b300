"""Real image files, made by Pillow, and torchvision's documented recipe on them."""

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageOps


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Smooth colours with some noise, so that a wrong filter, offset or channel shows; the same each time."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + 2 * y) % 256, 255 - x % 256]
    pixels = np.stack(planes, axis=-1) + np.random.default_rng(3).integers(-20, 20, (height, width, 4))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGBA")
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def recipe(
    data: bytes,
    *,
    resize: int | tuple[int, int] | None = None,
    crop: tuple[int, int] | None = None,
    filter_: Image.Resampling = Image.Resampling.BILINEAR,
    mode: str = "RGB",
) -> np.ndarray:
    """uint8 [H,W,C]: exif_transpose, convert, transforms.Resize(resize), transforms.CenterCrop(crop)."""
    opened = Image.open(BytesIO(data))
    image = ImageOps.exif_transpose(opened).convert(mode)
    if isinstance(resize, int):
        w, h = image.size
        size = (resize, int(resize * h / w)) if w <= h else (int(resize * w / h), resize)
        image = image.resize(size, filter_)
    elif resize is not None:
        image = image.resize((resize[1], resize[0]), filter_)
    pixels = np.array(image).reshape(image.height, image.width, -1)
    return pixels if crop is None else center_crop(pixels, *crop)


def center_crop(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """torchvision's center_crop: pad with zeros where the image is smaller, then cut."""
    h, w = pixels.shape[:2]
    left, right = ((width - w) // 2, (width - w + 1) // 2) if width > w else (0, 0)
    top, bottom = ((height - h) // 2, (height - h + 1) // 2) if height > h else (0, 0)
    padded = np.pad(pixels, ((top, bottom), (left, right), (0, 0)))
    h, w = padded.shape[:2]
    y, x = int(round((h - height) / 2.0)), int(round((w - width) / 2.0))  # noqa: RUF046  (as torchvision writes it)
    return padded[y : y + height, x : x + width]
