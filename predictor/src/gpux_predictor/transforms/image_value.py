"""The forms in which a request carries an image: a file, base64 of a file, a data URL, or pixels."""

import binascii
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from PIL import Image

from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.dtypes import from_onnx
from gpux_predictor.tensors.signature import Tensor
from gpux_predictor.tensors.values import elements
from gpux_predictor.transforms.image_file import MAX_PIXELS, as_mode, decode

_UINT8 = from_onnx("tensor(uint8)")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def to_image(name: str, value: Any, mode: str) -> Image.Image:  # noqa: ANN401
    """The image of a request.

    Args:
        name: the request's key, for errors.
        value: bytes of a file; a string with base64 of one (standard or URL-safe, padded or not) or a data URL; `{"b64": string}` as
            TensorFlow Serving and KServe's V1 write it; pixels [H,W] or [H,W,C], C of 1, 3 or 4, as nested lists or an array.
        mode: Pillow's `RGB` or `L`.

    Raises:
        BadRequest: anything else, or what `image_file.decode` refuses.
    """
    if isinstance(value, dict) and value.keys() == {"b64"}:
        value = value["b64"]
    if isinstance(value, str):
        return decode(name, _from_base64(name, value), mode)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return decode(name, bytes(value), mode)
    if isinstance(value, (list, np.ndarray)):
        return as_mode(_from_pixels(name, value), mode)
    raise BadRequest(f"Invalid input type for '{name}': expected a base64 string, a data URL or an array of pixels")


def _from_base64(name: str, text: str) -> bytes:
    try:
        data = text.encode("ascii")
        if data[:5].lower() == b"data:":
            header, _, data = data.partition(b",")
            if not header.lower().endswith(b";base64"):
                raise BadRequest(f"Invalid input value for '{name}': expected a data URL with ;base64")
            data = unquote_to_bytes(data) if b"%" in data else data
        data = data.translate(_URL_SAFE, b" \t\r\n").rstrip(b"=")
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
    except ValueError:  # of both codecs
        raise BadRequest(
            f"Invalid input value for '{name}': expected base64 of a JPEG, PNG or WEBP file, or a data URL with it"
        ) from None


def _from_pixels(name: str, value: list[Any] | np.ndarray) -> Image.Image:
    array = (
        elements(Tensor(name, _UINT8, (None, None, None)), value) if isinstance(value, list) else _bytes(name, value)
    )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if 0 in array.shape or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise BadRequest(
            f"Invalid input shape for '{name}': expected pixels [height, width] or [height, width, 1, 3 or 4], found {list(array.shape)}"
        )
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise BadRequest(f"Invalid input shape for '{name}': more than {MAX_PIXELS} pixels")
    return Image.fromarray(np.ascontiguousarray(array))


def _bytes(name: str, array: np.ndarray) -> np.ndarray:
    """Whole numbers of any dtype as uint8, which a fast JSON parser may have read as int64 or float64."""
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "iuf":
        raise BadRequest(f"Invalid input type for '{name}': expected elements of type uint8")
    if array.size == 0 or not (array.min() >= 0 and array.max() <= 255):
        raise BadRequest(f"Invalid input value for '{name}': expected pixels from 0 to 255")
    pixels = array.astype(np.uint8)
    if array.dtype.kind == "f" and not np.array_equal(pixels, array):
        raise BadRequest(
            f"Invalid input type for '{name}': expected elements of type uint8, found numbers with a fraction"
        )
    return pixels
