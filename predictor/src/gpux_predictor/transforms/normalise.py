"""Pixels to the graph's numbers: rescale, mean and std as one multiply-add, written straight into the tensor's layout."""

import numpy as np

from gpux_api.v1alpha1.processing import ImageSpec


class Normaliser:
    """Computes (pixel / 255 - mean) / std as pixel * scale + shift.

    Args:
        spec: `preprocessing.image`.
        channels: 3, or 1 for `color: L`.
        dtype: the tensor's: float16, float32, float64, or uint8, which takes pixels as they are.
    """

    def __init__(self, spec: ImageSpec, channels: int, dtype: np.dtype) -> None:
        self._channels_first = spec.layout == "NCHW"
        self._reversed = spec.color == "BGR"
        self._plain = dtype == np.uint8
        mean = np.broadcast_to(np.array(spec.mean or [0.0]), channels)
        std = np.broadcast_to(np.array(spec.std or [1.0]), channels)
        self._work = np.dtype(np.float64 if dtype == np.float64 else np.float32)
        self._scale = (1 / (std * (255 if spec.rescale else 1))).astype(self._work)
        self._shift = (-mean / std).astype(self._work)

    def into(self, pixels: np.ndarray, out: np.ndarray) -> None:
        """Fills `out`.

        Args:
            pixels: uint8 [H,W,C], RGB or grey.
            out: [C,H,W] or [H,W,C] by the layout, in the tensor's dtype; float16 is computed in float32.
        """
        if self._reversed:
            pixels = pixels[:, :, ::-1]
        if self._channels_first:
            pixels = pixels.transpose(2, 0, 1)
        if self._plain:
            out[...] = pixels
            return
        pixels = np.ascontiguousarray(pixels)  # the strided pass is cheapest on bytes
        if out.dtype != self._work or not out.flags.c_contiguous:
            whole = np.empty(out.shape, self._work)
            self._multiply_add(pixels, whole)
            out[...] = whole
        else:
            self._multiply_add(pixels, out)

    def _multiply_add(self, pixels: np.ndarray, out: np.ndarray) -> None:
        if self._channels_first:
            scale, shift = self._scale[:, None, None], self._shift[:, None, None]
        else:  # whole lines: an inner loop over three channels would be ten times slower
            width, lines = pixels.shape[1], (pixels.shape[0], -1)
            scale, shift = np.tile(self._scale, width), np.tile(self._shift, width)
            pixels, out = pixels.reshape(lines), out.reshape(lines)
        np.multiply(pixels, scale, out=out)
        if shift.any():
            np.add(out, shift, out=out)
