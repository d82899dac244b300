"""How requests merge into one run of the graph and how its results are told apart again. Pure."""

import math
from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpux_predictor.engine.curve import Curve
from gpux_predictor.engine.padding import pad
from gpux_predictor.engine.pinned import Empty
from gpux_predictor.errors import InferenceFailed

Arrays = Mapping[str, np.ndarray]
MASK = "attention_mask"
"""The input that says which tokens count, as transformers and optimum name it."""
_EDGES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192)
"""Token lengths that share a bucket: steps of at most a half, so that padding never costs more than that."""
_PIECE_SECONDS = 0.01
"""What a piece of a large request may take: a thousand times what a run costs beside the graph, and others wait no longer."""


@dataclass(frozen=True)
class Plan:
    """What may share a run, and what it costs.

    Attributes:
        batched: inputs with a row for each sample; empty where samples may not share a run.
        limit: rows of the largest batch.
        cost: t(b) as measured; None where it is not known.
        pads: inputs that may be padded along their second axis, with the value.
        capped: `limit` holds for the pieces of a large request too: the manifest sets it, or the graph breaks beyond it.
        axes: outputs with an entry for each token, and on which axis.
        sizes: the batch sizes that run, rising, and filled up to the next; empty where any may run.
    """

    batched: frozenset[str] = frozenset()
    limit: int = 1
    cost: Curve | None = None
    pads: Mapping[str, int] = field(default_factory=dict)
    axes: Mapping[str, int] = field(default_factory=dict)
    capped: bool = False
    sizes: tuple[int, ...] = ()

    def rows(self, arrays: Arrays) -> int:
        """The samples in a request; 1 where the graph does not batch."""
        return next((len(array) for name, array in arrays.items() if name in self.batched), 1)

    def key(self, arrays: Arrays) -> Hashable:
        """Requests of equal keys may share a run; None shares with nobody, nor does one whose inputs differ in their rows.

        ONNX broadcasts an input of one row over the rows of another; beside other requests it would meet theirs.
        """
        if not self.batched:
            return None
        if self._ragged(arrays):
            return object()
        parts: list[Hashable] = []
        pads = () if self._masked_out(arrays) else self.pads
        for name, array in arrays.items():
            if name in pads:
                parts.append((name, _EDGES[bisect_left(_EDGES, min(array.shape[1], _EDGES[-1]))], array.shape[2:]))
            elif name in self.batched:
                parts.append((name, array.shape[1:]))
            else:
                parts.append((name, array.shape, array.tobytes() if array.dtype != object else tuple(array.flat)))
        return tuple(parts)

    def most_rows(self, arrays: Arrays) -> int:
        """The batch limit for requests like this one: longer texts than those measured make smaller batches."""
        if self.cost is None or not self.pads:
            return self.limit
        return max(1, min(self.limit, int(self.limit * self.cost.elements / self._per_row(arrays))))

    def worth(self, arrays: Arrays, most: int, waiting: int) -> int:
        """How many rows to take where only some sizes run: the size that gets most done in its time with those that wait.

        Args:
            arrays: a request like them.
            most: rows that may be taken.
            waiting: rows that wait.
        """
        sizes = [size for size in self.sizes if size <= most]
        if not sizes or self.cost is None:
            return most
        return max(sizes, key=lambda size: min(size, waiting) / self.batch_seconds(arrays, size))

    def seconds(self, arrays: Arrays) -> float:
        """The time that a run of this request alone takes; 0 where nothing was measured."""
        if self.cost is None:
            return 0.0
        return self.cost.seconds(math.ceil(_elements(arrays) / self.cost.elements))

    def batch_seconds(self, arrays: Arrays, rows: int) -> float:
        """The time that a run of so many rows like those of this request takes; 0 where nothing was measured."""
        if self.cost is None:
            return 0.0
        return self.cost.seconds(math.ceil(self._per_row(arrays) * rows / self.cost.elements))

    def share(self, arrays: Arrays) -> float:
        """The time that this request adds to a full batch, in seconds."""
        if self.cost is None:
            return 0.0
        full = self.cost.seconds(self.limit) / self.limit
        return full * _elements(arrays) / self.cost.elements

    def merge(self, parts: Sequence[Arrays], empty: Empty | None = None) -> dict[str, np.ndarray]:
        """One run's feeds for the requests of one key.

        Args:
            parts: their inputs.
            empty: where the device wants them, for numbers; None for anywhere.
        """
        filled = self._filled(parts)
        if len(parts) == 1 and filled == self.rows(parts[0]):
            return dict(parts[0])
        merged = {}
        for name, first in parts[0].items():
            if name not in self.batched:
                merged[name] = first
                continue
            arrays = [part[name] for part in parts]
            if name in self.pads:
                longest = max(array.shape[1] for array in arrays)
                arrays = [pad(array, longest, self.pads[name]) for array in arrays]
            merged[name] = _rows(name, arrays, filled, empty)
        return merged

    def split(self, results: Mapping[str, Any], parts: Sequence[Arrays]) -> list[dict[str, Any]]:
        """The results of each request, without what padding added.

        Raises:
            InferenceFailed: an output without a row for each sample, which the trials did not show.
        """
        rows = self._filled(parts)
        if len(parts) == 1 and rows == self.rows(parts[0]):
            return [dict(results)]
        require_rows(results, rows)
        found, start = [], 0
        for part in parts:
            stop = start + self.rows(part)
            found.append({name: self._cut(name, value[start:stop], part) for name, value in results.items()})
            start = stop
        return found

    def _filled(self, parts: Sequence[Arrays]) -> int:
        """The rows of the run of these requests: the next size. Inputs of different lengths stay as they are."""
        rows = sum(self.rows(part) for part in parts)
        place = bisect_left(self.sizes, rows)
        return self.sizes[place] if rows and place < len(self.sizes) and not self._ragged(parts[0]) else rows

    def _ragged(self, arrays: Arrays) -> bool:
        """Whether the inputs with rows have different numbers of them."""
        return len(self.batched) > 1 and len({len(array) for name, array in arrays.items() if name in self.batched}) > 1

    def _masked_out(self, arrays: Arrays) -> bool:
        """Whether a row has no token that its mask keeps: attention then spreads over all of them, padding included."""
        masks = [array for name, array in arrays.items() if name in self.pads and name.removesuffix(":0") == MASK]
        return any(not array.any(axis=1).all() for array in masks)

    def _per_row(self, arrays: Arrays) -> float:
        return _elements(arrays) / max(1, self.rows(arrays))

    def _piece_rows(self, arrays: Arrays) -> int:
        """The rows of a large request that run together: more than the batch limit where that still is a short run.

        The limit is where more rows a run bring nothing; a thousand runs of microseconds would cost more than they compute.
        """
        most, seconds = self.most_rows(arrays), self.share(arrays)
        if self.capped or self.pads or not seconds:
            return most
        return max(most, int(self.rows(arrays) * _PIECE_SECONDS / seconds))

    def _cut(self, name: str, value: Any, part: Arrays) -> Any:  # noqa: ANN401
        if name not in self.axes or not self.pads:
            return value
        length = next(part[key].shape[1] for key in self.pads if key in part)
        axis = self.axes[name]
        return value if value.shape[axis] == length else value.take(range(length), axis)

    def chunks(self, arrays: Arrays) -> list[dict[str, np.ndarray]]:
        """A request of more rows than a batch takes, in pieces that fit."""
        rows = self.rows(arrays)
        if rows <= self.most_rows(arrays) or not self.batched or self._ragged(arrays):
            return [dict(arrays)]
        most = self._piece_rows(arrays)
        return [
            {name: array[start : start + most] if name in self.batched else array for name, array in arrays.items()}
            for start in range(0, rows, most)
        ]


def _rows(name: str, arrays: list[np.ndarray], filled: int, empty: Empty | None) -> np.ndarray:
    """Arrays one after the other, and the first row again until there are enough."""
    missing = filled - sum(len(array) for array in arrays)
    arrays = [*arrays, np.broadcast_to(arrays[0][:1], (missing, *arrays[0].shape[1:]))] if missing else arrays
    first = arrays[0]
    if empty is None or first.dtype == object:
        return np.concatenate(arrays)
    return np.concatenate(arrays, out=empty(name, (filled, *first.shape[1:]), first.dtype))


def _elements(arrays: Arrays) -> int:
    return max(1, sum(array.size for array in arrays.values()))


def require_rows(results: Mapping[str, Any], rows: int) -> None:
    """Refuses results of which some have no row for each sample; raises InferenceFailed."""
    if wrong := [name for name, value in results.items() if not _has_rows(value, rows)]:
        raise InferenceFailed(f"Inference failed: output '{wrong[0]}' has no row for each of {rows} samples")


def _has_rows(value: Any, rows: int) -> bool:  # noqa: ANN401
    return (isinstance(value, list) or value.ndim > 0) and len(value) == rows
