"""An image of a request to a sample of the graph's tensor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpux_api.v1alpha1.processing import ImageSpec
from gpux_predictor.errors import BadRequest
from gpux_predictor.tensors.signature import Tensor
from gpux_predictor.tensors.values import element_of
from gpux_predictor.transforms import geometry
from gpux_predictor.transforms.image_checks import sample_shape
from gpux_predictor.transforms.image_value import to_image
from gpux_predictor.transforms.normalise import Normaliser


class ImageTransform:
    """Makes tensors of images: decode, resize, crop, colour, normalise, layout.

    Args:
        spec: `preprocessing.image`.
        tensor: the graph's input, from `image_checks.find_tensor`.

    Attributes:
        shape: of one sample, [C,H,W] or [H,W,C] by the layout; None where the image decides.
        dtype: of a sample.

    Raises:
        LoadError: InvalidPreprocessing, if the spec does not go with the tensor.
    """

    def __init__(self, spec: ImageSpec, tensor: Tensor) -> None:
        self.shape = sample_shape(spec, tensor)
        self.dtype = element_of(tensor).dtype
        self._spec = spec
        self._mode = "L" if spec.color == "L" else "RGB"
        self._channels_first = spec.layout == "NCHW"
        channels = self.shape[0 if self._channels_first else 2] or 0
        self._normaliser = Normaliser(spec, channels, self.dtype)

    def __call__(self, value: Any, out: np.ndarray | None = None) -> np.ndarray:  # noqa: ANN401
        """One sample, [C,H,W] or [H,W,C] in the tensor's dtype.

        Args:
            value: as in `image_value.to_image`; one image.
            out: where to write it, of the sample's shape and dtype: a slot of a batch. Omitted: a new array.

        Raises:
            BadRequest: no image, a damaged one, or one whose size the graph does not take.
        """
        image = geometry.fit(self._spec, to_image(self._spec.input, value, self._mode))
        pixels = np.asarray(image).reshape(image.height, image.width, -1)
        height, width, channels = pixels.shape
        found = (channels, height, width) if self._channels_first else (height, width, channels)
        if not _fits(self.shape, found):
            expected = self.shape[1:] if self._channels_first else self.shape[:2]
            wanted = " x ".join("?" if side is None else str(side) for side in expected)
            raise BadRequest(
                f"Invalid input shape for '{self._spec.input}': expected an image of {wanted} pixels (height x width), "
                f"found {height} x {width}"
            )
        if out is None:
            out = np.empty(found, self.dtype)
        self._normaliser.into(pixels, out)
        return out

    def is_tensor(self, shape: Sequence[int]) -> bool:
        """Whether a nested array of numbers is the graph's tensor already, with or without its batch axis, and passes untouched.

        What does not fit the sample's shape is pixels: [H,W], or [H,W,C] with up to 4 channels, if it is an image at all.
        """
        return len(shape) in (3, 4) and _fits(self.shape, shape[-3:])


def _fits(dims: Sequence[int | None], shape: Sequence[int]) -> bool:
    return all(dim is None or dim == size for dim, size in zip(dims, shape, strict=True))
