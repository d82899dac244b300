"""Element types under their three names: the manifest's, ONNX Runtime's and the Open Inference Protocol's.

Sources: onnx.proto `TensorProto.DataType`; ONNX Runtime's type strings (`tensor(float)`); Open Inference Protocol v2,
"Tensor Data Types".
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True)
class ElementType:
    """An element type.

    Attributes:
        name: as in a GpuxModel (`float32`).
        onnx: as ONNX Runtime reports it, without `tensor()` (`float`).
        oip: as in the Open Inference Protocol (`FP32`).
        dtype: the numpy dtype of arrays of it here. bfloat16 has none in numpy: such tensors are float32 arrays with the
            values rounded to bfloat16, converted at the session's edge.
    """

    name: str
    onnx: str
    oip: str
    dtype: np.dtype

    @cached_property
    def kind(self) -> str:
        """`f`loat, `i`nteger, `b`oolean or `s`tring."""
        return {"u": "i", "O": "s"}.get(self.dtype.kind, self.dtype.kind)


def _type(name: str, onnx: str, oip: str, dtype: DTypeLike) -> ElementType:
    return ElementType(name, onnx, oip, np.dtype(dtype))


ELEMENT_TYPES: tuple[ElementType, ...] = (
    _type("float16", "float16", "FP16", np.float16),
    _type("bfloat16", "bfloat16", "BF16", np.float32),
    _type("float32", "float", "FP32", np.float32),
    _type("float64", "double", "FP64", np.float64),
    *(_type(n, n, n.upper(), n) for n in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")),
    _type("bool", "bool", "BOOL", np.bool_),
    _type("string", "string", "BYTES", np.object_),
)
_BY_ONNX = {f"tensor({item.onnx})": item for item in ELEMENT_TYPES}


def from_onnx(type_string: str) -> ElementType | None:
    """The element type of a dense tensor, None for anything else (sequences, maps, float8, complex)."""
    return _BY_ONNX.get(type_string)


def first_beyond(dtype: np.dtype) -> int:
    """The smallest number that rounds to infinity in a float type: half a unit in the last place over its largest value.

    IEEE 754-2019, 4.3.1, roundTiesToEven.
    """
    limits = np.finfo(dtype)
    half: int = 2 ** (int(limits.maxexp) - 1 - int(limits.nmant)) // 2
    return int(limits.max) + half
