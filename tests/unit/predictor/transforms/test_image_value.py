"""What a request may hold for an image, and what it may not: never anything but an image or a BadRequest."""

import base64
import struct
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from gpux_api.v1alpha1.processing import ImageSpec
from gpux_predictor.errors import BadRequest
from gpux_predictor.transforms.image import ImageTransform
from gpux_predictor.transforms.image_file import MAX_PIXELS
from pictures import encoded, picture

PNG = encoded(picture(13, 7))
PIXELS = np.array(picture(13, 7))
ENCODED = base64.b64encode(PNG).decode()
FILES = [encoded(picture(29, 17), name) for name in ("JPEG", "PNG", "WEBP")]
ANIMATED = encoded(
    Image.new("RGB", (8, 8), "red"), "WEBP", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")]
)
WIDE = ANIMATED[:24] + (8323080 - 1).to_bytes(3, "little") + ANIMATED[27:]
"""A WebP of 200 bytes that Pillow needs 20 seconds to read."""
ANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def transform(make_tensor: Any) -> ImageTransform:
    return ImageTransform(ImageSpec(layout="NHWC"), make_tensor("x", "uint8", (None, None, None, 3)))


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(
    "value",
    [
        PNG,
        bytearray(PNG),
        memoryview(PNG),
        ENCODED,
        ENCODED.rstrip("="),
        base64.urlsafe_b64encode(PNG).decode(),
        base64.encodebytes(PNG).decode(),
        "data:image/png;base64," + ENCODED,
        "DATA:;Base64," + ENCODED.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
        "data:image/png;name=a.png;base64," + base64.urlsafe_b64encode(PNG).decode().rstrip("="),
        {"b64": ENCODED},
        PIXELS,
        PIXELS.tolist(),
        PIXELS.astype(np.int64),
        PIXELS.astype(np.float64),
        PIXELS.astype(float).tolist(),
        np.dstack([PIXELS, np.zeros((7, 13), np.uint8)]),
        PIXELS[::-1][::-1],
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_form_of_one_image(transform: ImageTransform, value: Any) -> None:
    np.testing.assert_array_equal(transform(value), PIXELS)


def test_grey_pixels(transform: ImageTransform) -> None:
    grey = PIXELS[:, :, 0]
    for value in (grey, grey[:, :, None], grey.tolist(), grey[:, :, None].tolist()):
        np.testing.assert_array_equal(transform(value), np.repeat(grey[:, :, None], 3, axis=2))


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (None, "Invalid input type for 'image': expected a base64 string, a data URL or an array of pixels"),
        (3, "Invalid input type for 'image': expected a base64 string, a data URL or an array of pixels"),
        ({"b64": ENCODED, "more": 1}, "Invalid input type for 'image': expected a base64 string"),
        ({"b64": 3}, "Invalid input type for 'image': expected a base64 string"),
        ("", "Invalid input value for 'image': not a JPEG, PNG or WEBP file"),
        ("aGVsbG8=", "Invalid input value for 'image': not a JPEG, PNG or WEBP file"),
        ("https://example.org/a.png", "Invalid input value for 'image': expected base64 of a JPEG, PNG or WEBP file"),
        ("ä", "Invalid input value for 'image': expected base64"),
        ("\ud800", "Invalid input value for 'image': expected base64"),
        (ENCODED[:20] + "=" + ENCODED[20:], "Invalid input value for 'image': expected base64"),
        ("data:image/png," + ENCODED, "Invalid input value for 'image': expected a data URL with ;base64"),
        ("data:", "Invalid input value for 'image': expected a data URL with ;base64"),
        (encoded(picture(8, 8), "GIF"), "Invalid input value for 'image': not a JPEG, PNG or WEBP file"),
        (encoded(picture(8, 8), "BMP"), "Invalid input value for 'image': not a JPEG, PNG or WEBP file"),
        ([], "Invalid input shape for 'image': the array is empty"),
        ([[1, 2], [3]], "Invalid input shape for 'image': the nested arrays have different lengths"),
        ([1, 2], r"Invalid input shape for 'image': expected pixels \[height, width\]"),
        ([[[1, 2]]], r"Invalid input shape for 'image': expected pixels .* found \[1, 1, 2\]"),
        ([[0, 256]], "Invalid input value for 'image': 256 is out of range for uint8"),
        ([[0, -1]], "Invalid input value for 'image': -1 is out of range for uint8"),
        ([[0, 0.5]], "Invalid input type for 'image': expected elements of type uint8, found numbers with a fraction"),
        ([["a"]], "Invalid input type for 'image': expected elements of type uint8, found strings"),
        ([[True]], "Invalid input type for 'image': expected elements of type uint8"),
        (np.zeros((0, 4, 3)), "Invalid input value for 'image': expected pixels from 0 to 255"),
        (np.zeros((0, 4, 3), np.uint8), "Invalid input shape for 'image'"),
        (np.full((2, 2), 256), "Invalid input value for 'image': expected pixels from 0 to 255"),
        (np.full((2, 2), np.nan), "Invalid input value for 'image': expected pixels from 0 to 255"),
        (
            np.full((2, 2), 0.5),
            "Invalid input type for 'image': expected elements of type uint8, found numbers with a fraction",
        ),
        (np.array([["a"]]), "Invalid input type for 'image': expected elements of type uint8"),
        (np.broadcast_to(np.uint8(0), (2**14, 2**13, 3)), "Invalid input shape for 'image': more than 50000000 pixels"),
        (
            png(10001, 5000),
            "Invalid input value for 'image': an image of 10001 x 5000 pixels is too large, the limit is 50000000 pixels",
        ),
        (png(65536, 1), "an image of 65536 x 1 pixels is too large, the limit is 50000000 pixels and 65535 a side"),
        (WIDE, "an image of 8323080 x 8 pixels is too large"),
        (png(2**31 - 1, 2**31 - 1), "pixels is too large, the limit is"),
        (
            b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff",
            "the WEBP file is damaged",
        ),
        (png(100, 100), "Invalid input value for 'image': the PNG file is damaged or incomplete"),
        (PNG[:-30], "Invalid input value for 'image': the PNG file is damaged or incomplete"),
        (FILES[0][:200], "Invalid input value for 'image': the JPEG file is damaged or incomplete"),
        (FILES[2][:-20], "Invalid input value for 'image': the WEBP file is damaged or incomplete"),
    ],
)
def test_what_is_no_image(transform: ImageTransform, value: Any, detail: str) -> None:
    with pytest.raises(BadRequest, match=detail):
        transform(value)


def test_an_image_too_long_for_its_shortest_edge(make_tensor: Any) -> None:
    transform = ImageTransform(ImageSpec(shortest_edge=256, crop=[224, 224]), make_tensor())
    with pytest.raises(BadRequest, match="an image of 30000 x 1 pixels is too long and thin"):
        transform(encoded(Image.new("RGB", (30000, 1))))
    assert MAX_PIXELS < 256 * 256 * 30000


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200), st.binary(max_size=60).map(lambda b: "data:;base64," + str(b))
    )
)
@ANY
def test_any_string_or_bytes(transform: ImageTransform, value: Any) -> None:
    with pytest.raises(BadRequest):
        transform(value)


@given(
    file=st.sampled_from(FILES),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    end=st.integers(0, 2000),
    tail=st.binary(max_size=20),
)
@example(file=FILES[0], edits=[], end=2000, tail=b"")
@ANY
def test_any_damaged_file(
    transform: ImageTransform, file: bytes, edits: list[tuple[int, int]], end: int, tail: bytes
) -> None:
    data = bytearray(file)
    for place, byte in edits:
        if place < len(data):
            data[place] = byte
    try:
        found = transform(bytes(data[:end]) + tail)
    except BadRequest:
        return
    assert found.dtype == np.uint8
    assert found.shape[2] == 3


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=20,
)


@given(JSON)
@ANY
def test_any_nested_value(transform: ImageTransform, value: Any) -> None:
    try:
        found = transform(value)
    except BadRequest:
        return
    assert found.shape[2] == 3


def test_odd_metadata_is_no_news() -> None:
    """A picture with broken EXIF is served, and nothing of it reaches the server's log."""
    code = """
import sys; from gpux_predictor.transforms.image_file import decode
print(decode("image", sys.stdin.buffer.read(), "RGB").size)
"""
    tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x03\x01\x12\x00\x03\x00\x00\x00\xff\x7f\xff\xff\xff\x01\x1a\x00\x05\x00\x00\x00\x01\x00"
    data = encoded(picture(20, 10), "JPEG", exif=b"Exif\x00\x00" + tiff)
    run = subprocess.run([sys.executable, "-W", "default", "-c", code], input=data, capture_output=True, check=True)
    assert run.stdout.strip() == b"(20, 10)"
    assert run.stderr == b""
