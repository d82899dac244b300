"""Images against torchvision's documented recipe, written out with Pillow and numpy in `pictures`."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpux_api.v1alpha1.processing import ImageSpec
from gpux_predictor.errors import BadRequest, LoadError, LoadReason
from gpux_predictor.transforms.image import ImageTransform
from gpux_predictor.transforms.image_checks import find_tensor
from pictures import encoded, picture, recipe

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.fixture
def make(make_tensor: Any) -> Any:
    """An ImageTransform into a tensor of any shape; keyword arguments are the spec's."""

    def build(dtype: str = "float32", shape: Any = (), **spec: Any) -> ImageTransform:
        return ImageTransform(ImageSpec(**spec), make_tensor("x", dtype, shape))

    return build


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_the_imagenet_recipe(make: Any, file_format: str) -> None:
    data = encoded(picture(301, 203), file_format)
    found = make(shape=("N", 3, 224, 224), shortestEdge=256, crop=[224, 224], mean=MEAN, std=STD)(data)
    pixels = recipe(data, resize=256, crop=(224, 224)).astype(np.float32)
    expected = ((pixels / 255 - np.array(MEAN, np.float32)) / np.array(STD, np.float32)).transpose(2, 0, 1)
    assert found.shape == (3, 224, 224)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("size", [(301, 203), (203, 301), (97, 97), (32, 401), (1, 1)])
def test_resize_and_crop_pixel_for_pixel(make: Any, interpolation: str, size: tuple[int, int]) -> None:
    data = encoded(picture(*size))
    filter_ = FILTERS[interpolation]
    common = {"interpolation": interpolation, "layout": "NHWC"}
    for spec, arguments in (
        ({"shortestEdge": 64}, {"resize": 64}),
        ({"resize": [50, 70]}, {"resize": (50, 70)}),
        ({"crop": [65, 90]}, {"crop": (65, 90)}),
        ({"crop": [300, 31]}, {"crop": (300, 31)}),
        ({"shortestEdge": 33, "crop": [40, 29]}, {"resize": 33, "crop": (40, 29)}),
        ({"resize": [21, 30], "crop": [20, 27]}, {"resize": (21, 30), "crop": (20, 27)}),
    ):
        found = make("uint8", **common, **spec)(data)
        np.testing.assert_array_equal(found, recipe(data, filter_=filter_, **arguments), str(spec))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation(make: Any, file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(40, 24), file_format, exif=exif)
    found = make("uint8", layout="NHWC")(data)
    assert found.shape == ((24, 40, 3) if orientation < 5 else (40, 24, 3))
    np.testing.assert_array_equal(found, recipe(data))


@pytest.mark.parametrize("color", ["RGB", "BGR", "L"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_colour(make: Any, mode: str, color: str) -> None:
    data = encoded(picture(31, 17, mode), "JPEG" if mode == "CMYK" else "PNG")
    found = make("uint8", layout="NHWC", color=color)(data)
    expected = recipe(data, mode="L" if color == "L" else "RGB")
    np.testing.assert_array_equal(found, expected[:, :, ::-1] if color == "BGR" else expected)


def test_palette_with_transparency(make: Any) -> None:
    data = encoded(picture(20, 20, "P"), transparency=bytes(range(256)))
    expected = np.array(Image.open(BytesIO(data)).convert("RGBA"))[:, :, :3]
    np.testing.assert_array_equal(make("uint8", layout="NHWC")(data), expected)


def test_sixteen_bit_grey_keeps_its_upper_bits(make: Any) -> None:
    grey = np.array([[0, 255, 256, 1000, 65535]], np.uint16)
    found = make("uint8", layout="NHWC", color="L")(encoded(Image.fromarray(grey)))
    assert found[:, :, 0].tolist() == [[0, 0, 1, 3, 255]]


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_an_animation_is_its_first_frame(make: Any, file_format: str) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = encoded(first, file_format, save_all=True, append_images=[second], lossless=True)
    assert make("uint8", layout="NHWC")(data)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("color", ["RGB", "BGR", "L"])
@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"mean": MEAN, "std": STD},
        {"mean": [0.5], "std": [0.25]},
        {"mean": [0.5], "std": [-0.25]},
        {"mean": [127.5], "std": [2], "rescale": False},
    ],
)
def test_numbers(make: Any, dtype: str, layout: str, color: str, numbers: dict[str, Any]) -> None:
    if color == "L" and len(numbers.get("mean", [0])) == 3:
        numbers = {"mean": MEAN[:1], "std": STD[:1]}
    data = encoded(picture(33, 21))
    transform = make(dtype, layout=layout, color=color, **numbers)
    pixels = recipe(data, mode="L" if color == "L" else "RGB").astype(np.float64)
    pixels = pixels[:, :, ::-1] if color == "BGR" else pixels
    scaled = pixels / 255 if numbers.get("rescale", True) else pixels
    expected = (scaled - np.array(numbers.get("mean", [0.0]))) / np.array(numbers.get("std", [1.0]))
    expected = expected.transpose(2, 0, 1) if layout == "NCHW" else expected
    tolerance = {np.dtype(np.float16): 1e-3, np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}[transform.dtype]
    found = transform(data)
    assert found.dtype == transform.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    batch = np.full((3, *expected.shape), 9, transform.dtype)
    transform(data, out=batch[1])
    np.testing.assert_array_equal(batch[1], found)
    assert (batch[[0, 2]] == 9).all()
    strided = np.empty((*expected.shape, 2), transform.dtype)
    transform(data, out=strided[..., 1])
    np.testing.assert_array_equal(strided[..., 1], found)


@pytest.mark.parametrize(
    ("shape", "value", "is_tensor"),
    [
        (("N", 3, 8, 8), (3, 8, 8), True),
        (("N", 3, 8, 8), (5, 3, 8, 8), True),
        (("N", 3, 8, 8), (8, 8, 3), False),
        (("N", 3, 8, 8), (8, 8), False),
        (("N", 3, None, None), (3, 50, 60), True),
        (("N", 3, None, None), (50, 60, 3), False),
        ((None, None, None, None), (50, 60, 3), False),
        ((), (50, 60, 4), False),
        (("N", 3, 8, 8), (3, 9, 8), False),
    ],
)
def test_tensors_and_pixels_are_told_apart_by_shape(make: Any, shape: Any, value: Any, is_tensor: bool) -> None:
    assert make(shape=shape).is_tensor(value) is is_tensor


def test_the_size_must_be_the_graphs(make: Any) -> None:
    transform = make(shape=(1, 3, 8, 9))
    assert transform.shape == (3, 8, 9)
    transform(encoded(picture(9, 8)))
    with pytest.raises(BadRequest) as caught:
        transform(encoded(picture(8, 9)))
    assert caught.value.detail == (
        "Invalid input shape for 'image': expected an image of 8 x 9 pixels (height x width), found 9 x 8"
    )


@pytest.mark.parametrize(
    ("dtype", "shape", "spec", "message"),
    [
        ("float32", (1, 224, 224, 3), {}, "write layout: NHWC"),
        ("float32", (1, 3, 224, 224), {"layout": "NHWC"}, "write layout: NCHW"),
        ("float32", (1, 1, 28, 28), {}, "set color: L"),
        ("float32", (1, 3, 224, 224), {"resize": [224, 225]}, "resize makes 224 x 225"),
        ("float32", (1, 3, 224, 224), {"shortestEdge": 256, "crop": [225, 224]}, "crop makes 225 x 224"),
        ("float32", (1, 3), {}, "needs rank 3 or 4"),
        ("int64", (1, 3, 8, 8), {}, "is int64: images need one of"),
        ("object", (), {}, "is object: images need one of"),
        ("uint8", (1, 3, 8, 8), {"mean": [0.5]}, "remove mean and std"),
        ("float32", (), {"crop": [16384, 16384]}, "write a smaller size"),
    ],
)
def test_what_does_not_go_with_the_graph(make: Any, dtype: str, shape: Any, spec: Any, message: str) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        make(dtype, shape, **spec)
    assert caught.value.reason is LoadReason.INVALID_PREPROCESSING


def test_the_graphs_input_is_found(make_signature: Any) -> None:
    signature = make_signature(("scale", "float32", (1,)), ("pixels", "float32", (1, 3, 8, 8)))
    assert find_tensor(ImageSpec(), signature).name == "pixels"
    assert find_tensor(ImageSpec(tensor="scale"), signature).name == "scale"
    with pytest.raises(LoadError, match="tensor 'x' is no input of the graph, which has 'scale', 'pixels'"):
        find_tensor(ImageSpec(tensor="x"), signature)
    with pytest.raises(LoadError, match="2 of the graph's inputs .* set tensor"):
        find_tensor(ImageSpec(), make_signature(("a", "float32", (1, 3, 8, 8)), ("b", "float32", (1, 3, 8))))
    with pytest.raises(LoadError, match="none of the graph's inputs"):
        find_tensor(ImageSpec(), make_signature(("a", "float32", (1, 3))))
