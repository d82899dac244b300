"""What every peer's script needs: its arguments, a session with one thread, and arrays in the dtypes that the graph wants."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
BATCH_SIZE, BATCH_SECONDS = 32, 0.005
"""Of peers that batch: what their documentation suggests."""


def arguments() -> tuple[str, int, bool]:
    """The model file, the port and whether to batch, from the command line; later imports see an empty one."""
    file, port, *rest = sys.argv[1:]
    del sys.argv[1:]
    return file, int(port), "batching" in rest


def session(file: str) -> onnxruntime.InferenceSession:
    """A session with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


class Graph:
    """A loaded model with one output. What it says of itself is asked once: onnxruntime takes longer for that than for a tiny run."""

    def __init__(self, file: str) -> None:
        self._session = session(file)
        self.shapes = {item.name: item.shape for item in self._session.get_inputs()}
        self._dtypes = {item.name: DTYPES[item.type] for item in self._session.get_inputs()}
        self.output: str = self._session.get_outputs()[0].name

    def feeds(self, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """An array for each input of the graph, of its dtype."""
        return {name: np.asarray(values[name], dtype) for name, dtype in self._dtypes.items()}

    def run(self, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
        """The output."""
        answer: np.ndarray = self._session.run(None, feeds)[0]
        return answer

    def run_padded(self, rows: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
        """One run of samples without a batch axis, as users of a batching server write it; each answer is cut to its sample's length."""
        arrays = [self.feeds(row) for row in rows]
        lengths = [next(iter(array.values())).shape[0] for array in arrays]
        answers = self.run(padded(arrays))
        if min(lengths) == max(lengths):
            return list(answers)
        return [row[:length] for row, length in zip(answers, lengths, strict=True)]


def padded(rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Samples without a batch axis as one batch, padded with zeros at the end of the first axis to the longest."""
    longest = {name: max(row[name].shape[0] for row in rows) for name in rows[0]}
    return {name: np.stack([_widened(row[name], longest[name]) for row in rows]) for name in rows[0]}


def _widened(array: np.ndarray, length: int) -> np.ndarray:
    if array.shape[0] == length:
        return array
    return np.pad(array, [(0, length - array.shape[0])] + [(0, 0)] * (array.ndim - 1))
