"""The size of an image: resize and centre crop, pixel for pixel as torchvision does them on PIL images.

Sources: torchvision.transforms.functional `_compute_resized_output_size`, `resize` and `center_crop`.
"""

from PIL import Image

from gpux_api.v1alpha1.processing import ImageSpec
from gpux_predictor.errors import BadRequest
from gpux_predictor.transforms.image_file import MAX_PIXELS

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def fit(spec: ImageSpec, image: Image.Image) -> Image.Image:
    """The image resized to `resize` or `shortestEdge`, then cropped around its centre.

    Raises:
        BadRequest: an image so long and thin that its shortest edge cannot be had within `MAX_PIXELS`.
    """
    width, height = resized(spec, *image.size)
    if width * height > MAX_PIXELS:
        raise BadRequest(
            f"Invalid input value for '{spec.input}': an image of {image.width} x {image.height} pixels is too long and thin"
        )
    if (width, height) != image.size:
        image = image.resize((width, height), _FILTERS[spec.interpolation])
    if spec.crop is None or (spec.crop[1], spec.crop[0]) == image.size:
        return image
    top, left = _offset(image.height, spec.crop[0]), _offset(image.width, spec.crop[1])
    return image.crop((left, top, left + spec.crop[1], top + spec.crop[0]))  # black where it reaches over the edge


def resized(spec: ImageSpec, width: int, height: int) -> tuple[int, int]:
    """Width and height after the resize; the longer side is rounded down."""
    if spec.resize is not None:
        return spec.resize[1], spec.resize[0]
    if spec.shortest_edge is None:
        return width, height
    short, long = sorted((width, height))
    longer = int(spec.shortest_edge * long / short)
    return (spec.shortest_edge, longer) if width <= height else (longer, spec.shortest_edge)


def _offset(size: int, crop: int) -> int:
    """Where the crop starts; negative where the image is smaller and gets a border, the odd pixel of it at the far side."""
    return -((crop - size) // 2) if crop > size else round((size - crop) / 2.0)
