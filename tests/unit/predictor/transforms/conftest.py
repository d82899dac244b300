from collections.abc import Callable, Sequence

import pytest

from gpux_predictor.tensors.dtypes import ELEMENT_TYPES
from gpux_predictor.tensors.signature import Dim, Signature, Tensor

MakeTensor = Callable[..., Tensor]
MakeSignature = Callable[..., Signature]
BY_NAME = {element.name: element for element in ELEMENT_TYPES}


@pytest.fixture(scope="session")
def make_tensor() -> MakeTensor:
    """A tensor of a graph; dtype "object" is a sequence or map."""

    def make(name: str = "x", dtype: str = "float32", shape: Sequence[Dim] = ()) -> Tensor:
        return Tensor(name, BY_NAME.get(dtype), tuple(shape))

    return make


@pytest.fixture(scope="session")
def make_signature(make_tensor: MakeTensor) -> MakeSignature:
    """A signature from (name, dtype, shape) triples."""

    def make(*inputs: Sequence[object], outputs: Sequence[Sequence[object]] = ()) -> Signature:
        return Signature(tuple(make_tensor(*item) for item in inputs), tuple(make_tensor(*item) for item in outputs))

    return make
