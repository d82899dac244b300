"""What a loaded model adds to the manifest."""

from typing import NamedTuple

from gpux_predictor.tensors.batch_axis import BatchAxis
from gpux_predictor.tensors.signature import Signature


class Graph(NamedTuple):
    """What is served, and which of its tensors have a batch axis."""

    signature: Signature
    axis: BatchAxis
