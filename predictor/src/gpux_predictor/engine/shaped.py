"""A session for each shape, for graphs whose convolutions are planned anew whenever the shape changes.

ONNX Runtime's CUDA provider keeps one cuDNN plan for each convolution, that of the last shape (`Conv::UpdateState`; onnxruntime
#23006): a batch of another size costs 100 ms to 1 s each time, for runs of 2 ms. With a session for each shape in use nothing is
planned twice.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from gpux_predictor.errors import LoadError

_PLANNED = {"Conv", "ConvTranspose", "FusedConv"}
_SOME, _FEW = 4, 2
"""Sessions of one model. Each has the weights on the device, and memory of its own for intermediate results: seven of a MobileNetV2,
for 1, 2, 4, … 64 rows, took 6.5 GB and 14 s to start, four 2.3 GB and 7 s (H100)."""
_SMALL = 512 * 2**20
"""Weights in bytes up to which there are some, not few."""


def sessions(
    placed: Mapping[str, Mapping[str, int]], size: int, limit: int | None, *, fixed: bool = False
) -> int | None:
    """How many sessions a model gets, which share a limit of memory in equal parts.

    Args:
        placed: for each provider the operators that it runs.
        size: of the weights, in bytes.
        limit: bytes of memory for all of them (`runtime.gpu.memory`); a part is to hold the weights twice.
        fixed: the graph takes one shape only.

    Returns:
        None where one serves any shape equally well.
    """
    if fixed or not _PLANNED & placed.get("CUDAExecutionProvider", {}).keys():
        return None
    if limit is not None:
        return next((count for count in (_SOME, _FEW) if limit // count >= 2 * size), 1)
    return _SOME if size <= _SMALL else _FEW


class ByShape:
    """Sessions of one file, each for the shape that it ran last.

    Args:
        first: the session there is.
        more: opens another one.
        most: how many there may be.
    """

    def __init__(self, first: Any, more: Callable[[], Any], most: int) -> None:  # noqa: ANN401  (onnxruntime has no types)
        self._spare = [_held(first)]
        self._more = more
        self._most = most
        self._by_shape: OrderedDict[object, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], options: Any) -> list[Any]:  # noqa: ANN401
        """As `InferenceSession.run`, on the session of these shapes."""
        found: list[Any] = self._session(feeds).run(outputs, feeds, options)
        return found

    def _session(self, feeds: Mapping[str, np.ndarray]) -> Any:  # noqa: ANN401
        """The shape's own session; for a new shape a new one, and beyond the most the one that was idle longest."""
        key = tuple((name, array.shape) for name, array in feeds.items())
        with self._lock:
            slot = self._by_shape.get(key)
            opens = slot is None and not self._spare and len(self._by_shape) < self._most
            if slot is None:
                slot = Future() if opens else self._spare.pop() if self._spare else self._longest_idle()
                self._by_shape[key] = slot
            self._by_shape.move_to_end(key)
        if opens:
            self._open(key, slot)
        return slot.result()

    def _open(self, key: object, slot: "Future[Any]") -> None:
        """Without the lock, as it takes seconds, in which the other shapes run."""
        try:
            slot.set_result(self._more())
        except LoadError:  # the device is full: those that are there share the work
            with self._lock:
                self._remove(slot)
                self._most = len(self._by_shape)
                shared = self._by_shape[key] = self._longest_idle()
            slot.set_result(shared.result())
        except BaseException as error:
            with self._lock:
                self._remove(slot)
            slot.set_exception(error)
            raise

    def _longest_idle(self) -> "Future[Any]":
        return self._by_shape.popitem(last=False)[1]

    def _remove(self, slot: "Future[Any]") -> None:
        for key in [key for key, held in self._by_shape.items() if held is slot]:
            del self._by_shape[key]


def _held(session: Any) -> "Future[Any]":  # noqa: ANN401
    slot: Future[Any] = Future()
    slot.set_result(session)
    return slot
