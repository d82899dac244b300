"""From the bytes of a JPEG, PNG or WebP file to pixels, turned as its EXIF says.

Pillow's plugins are called one by one: `Image.open` would try every format it knows, and warn about sizes instead of refusing.
"""

import warnings
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from gpux_predictor.errors import BadRequest

MAX_PIXELS = 50_000_000
"""Pixels of the largest image that is decoded or made by a resize: those of large phone cameras, 200 MB in Pillow."""
MAX_SIDE = 65_535
"""Pixels of the longest side, which is JPEG's limit. A WebP can claim millions, and Pillow reads such lines in quadratic time."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation (EXIF 2.32, tag 0x0112)."""

# What Pillow finds odd in a caller's file is no news for the server's log. catch_warnings would not do: it is not thread-safe.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def decode(name: str, data: bytes, mode: str) -> Image.Image:
    """The first frame of an image file, turned upright.

    Args:
        name: the request's key, for errors.
        mode: Pillow's `RGB` or `L`. Transparency is dropped, 16 bits keep their upper 8, as Pillow reads 16-bit colour.

    Raises:
        BadRequest: another format, more than `MAX_PIXELS` or `MAX_SIDE`, or a file that is damaged or incomplete.
    """
    plugin = _plugin(data)
    if plugin is None:
        raise BadRequest(f"Invalid input value for '{name}': not a JPEG, PNG or WEBP file")
    try:
        image = plugin(BytesIO(data))
        size = image.size
        if size[0] * size[1] <= MAX_PIXELS and max(size) <= MAX_SIDE:
            image.load()
            return as_mode(_upright(image), mode)
    except Exception:  # a broken file can raise nearly anything in Pillow's decoders
        raise BadRequest(
            f"Invalid input value for '{name}': the {plugin.format} file is damaged or incomplete"
        ) from None
    raise BadRequest(
        f"Invalid input value for '{name}': an image of {size[0]} x {size[1]} pixels is too large, the limit is {MAX_PIXELS} pixels "
        f"and {MAX_SIDE} a side"
    )


def as_mode(image: Image.Image, mode: str) -> Image.Image:
    """The image in Pillow's mode `RGB` or `L`."""
    if image.mode == mode:
        return image
    if image.mode.startswith("I"):  # Pillow's own conversion clips at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image.info.pop("transparency", None)  # of a palette it would only cause a warning
    return image.convert(mode)


def _plugin(data: bytes) -> type[ImageFile] | None:
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebPImageFile
    return None


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken metadata of a picture that can be seen
        turn = None
    return image if turn is None else image.transpose(turn)
