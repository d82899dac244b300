"""A session for each shape, for graphs whose convolutions are planned anew whenever the shape changes.

ONNX Runtime's CUDA provider keeps one cuDNN plan for each convolution, that of the last shape (`Conv::UpdateState`; onnxruntime
#23006): a batch of another size costs 100 ms to 1 s each time, for runs of 2 ms. With a session for each shape in use nothing is
planned twice.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gpux_predictor.errors import LoadError

SESSIONS = 4
"""The most for one model: each has the weights on the device, and memory of its own for intermediate results."""
_PLANNED = {"Conv", "ConvTranspose", "FusedConv"}


def is_planned(placed: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether the device plans by shape what it runs of a graph, given the operators that each provider runs."""
    return bool(_PLANNED & placed.get("CUDAExecutionProvider", {}).keys())


class ByShape:
    """Sessions of one file, each for the shape that it ran last.

    Args:
        first: the session there is.
        more: opens another one.
    """

    def __init__(self, first: Any, more: Callable[[], Any]) -> None:  # noqa: ANN401  (onnxruntime has no types)
        self._spare: list[Any] = [first]
        self._more = more
        self._most = SESSIONS
        self._by_shape: OrderedDict[object, Any] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], options: Any) -> list[Any]:  # noqa: ANN401
        """As `InferenceSession.run`, on the session of these shapes."""
        found: list[Any] = self._session(feeds).run(outputs, feeds, options)
        return found

    def _session(self, feeds: Mapping[str, np.ndarray]) -> Any:  # noqa: ANN401
        """The shape's own session; for a new shape a new one, and beyond the most the one that was idle longest."""
        key = tuple((name, array.shape) for name, array in feeds.items())
        with self._lock:
            if key not in self._by_shape:
                self._by_shape[key] = self._spare.pop() if self._spare else self._another()
            self._by_shape.move_to_end(key)
            return self._by_shape[key]

    def _another(self) -> Any:  # noqa: ANN401
        if len(self._by_shape) < self._most:
            try:
                return self._more()
            except LoadError:  # the device is full: those that are there share the work
                self._most = len(self._by_shape)
        return self._by_shape.popitem(last=False)[1]
