"""Which outputs lose their first axis when one sample was asked."""

import numpy as np
import pytest

from gpux_predictor.tensors import batch_axis
from gpux_predictor.tensors.dtypes import ELEMENT_TYPES
from gpux_predictor.tensors.signature import Dim, Signature, Tensor

FLOAT = next(element for element in ELEMENT_TYPES if element.name == "float32")


def squeezed(inputs: list[tuple[Dim, ...]], output: tuple[Dim, ...], value: np.ndarray) -> tuple[int, ...]:
    signature = Signature(
        tuple(Tensor(f"i{n}", FLOAT, shape) for n, shape in enumerate(inputs)), (Tensor("o", FLOAT, output),)
    )
    answer = batch_axis.squeeze(batch_axis.find(signature), {"o": value})["o"]
    assert isinstance(answer, (np.ndarray, np.generic))
    return answer.shape


@pytest.mark.parametrize(
    ("inputs", "output", "shape", "expected"),
    [
        pytest.param([("batch", 4)], ("batch", 2), (1, 2), (2,), id="same name"),
        pytest.param([(None, 4)], (None, 2), (1, 2), (2,), id="no names"),
        pytest.param([("unk__3", 4)], ("unk__9", 2), (1, 2), (2,), id="generated names say nothing"),
        pytest.param([("p2o.DynamicDimension.0", 3)], ("p2o.DynamicDimension.2", 2), (1, 2), (2,), id="Paddle's names"),
        pytest.param([("batch", 4)], ("Gemmoutput_dim_0", 2), (1, 2), (2,), id="torch's names"),
        pytest.param([("batch", 4)], ("num_detections", 7), (1, 7), (1, 7), id="one detection is not a batch of one"),
        pytest.param([("batch", 4)], (1, 2), (1, 2), (1, 2), id="a fixed axis is the model's own"),
        pytest.param([(1, 3, 8, 8)], (1, 10), (1, 10), (10,), id="a batch fixed at one"),
        pytest.param([(1, 3, 8, 8)], ("num", 7), (1, 7), (1, 7), id="detections of one image"),
        pytest.param(
            [("batch", None), (2, "batch", 128)], (None, None, None), (2, 1, 128), (2, 1, 128), id="silero-vad's state"
        ),
        pytest.param([()], (), (), (), id="scalars"),
    ],
)
def test_squeeze(
    inputs: list[tuple[Dim, ...]], output: tuple[Dim, ...], shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert squeezed(inputs, output, np.zeros(shape, np.float32)) == expected
