"""bfloat16 for numpy, which has no such dtype: the upper half of a float32's bits."""

import numpy as np


def to_bits(array: np.ndarray) -> np.ndarray:
    """float32 values rounded to the nearest bfloat16 (ties to even), as uint16 bits; NaN stays NaN."""
    bits = np.asarray(array, dtype=np.float32, order="C").view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), np.uint32(0x7FC0), rounded).astype(np.uint16)


def from_bits(bits: np.ndarray) -> np.ndarray:
    """uint16 bits of bfloat16 values as float32, exactly."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
