"""Buffers for batches: who has one, how it grows, and that nothing is kept twice or freed early.

CUDA's allocator cannot run here; the C library's stands in for it behind the same two functions.
"""

import ctypes
import threading
from typing import Any

import numpy as np
import pytest

from gpux_predictor.engine import pinned
from gpux_predictor.engine.pinned import Buffers

FLOAT, BYTE = np.dtype(np.float32), np.dtype(np.uint8)


class Allocator:
    """cudaHostAlloc and cudaFreeHost on malloc and free."""

    def __init__(self) -> None:
        self._c = ctypes.CDLL(None)
        self._c.malloc.restype = ctypes.c_void_p
        self.live: dict[int, int] = {}
        self.full = False

    def cudaHostAlloc(self, pointer: Any, size: ctypes.c_size_t, flags: ctypes.c_uint) -> int:  # noqa: N802
        assert flags.value == 0
        if self.full:
            return 2  # cudaErrorMemoryAllocation
        found = self._c.malloc(size)
        ctypes.cast(pointer, ctypes.POINTER(ctypes.c_void_p))[0] = found
        self.live[found] = size.value
        return 0

    def cudaFreeHost(self, pointer: ctypes.c_void_p) -> int:  # noqa: N802
        assert pointer.value is not None
        del self.live[pointer.value]
        self._c.free(pointer)
        return 0


@pytest.fixture
def cuda() -> Allocator:
    return Allocator()


def test_a_buffer_is_kept_and_grows(cuda: Allocator) -> None:
    buffers = Buffers(cuda)  # type: ignore[arg-type]
    first = buffers.empty("x", (3, 2), FLOAT)
    assert (first.shape, first.dtype, first.flags.c_contiguous, first.flags.writeable) == ((3, 2), FLOAT, True, True)
    first[...] = 7
    again = buffers.empty("x", (2, 2), FLOAT)
    assert again.ctypes.data == first.ctypes.data, "the same memory, for the smaller batch"
    assert list(cuda.live.values()) == [32]
    buffers.empty("y", (1,), FLOAT)
    buffers.empty("x", (100,), FLOAT)
    assert sorted(cuda.live.values()) == [4, 512], "the outgrown one is freed"
    del buffers
    assert not cuda.live


def test_each_thread_has_its_own(cuda: Allocator) -> None:
    buffers = Buffers(cuda)  # type: ignore[arg-type]
    mine = buffers.empty("x", (4,), FLOAT)
    others: list[int] = []
    thread = threading.Thread(target=lambda: others.append(buffers.empty("x", (4,), FLOAT).ctypes.data))
    thread.start()
    thread.join()
    assert others != [mine.ctypes.data]


def test_ordinary_memory_where_no_other_can_be_had(cuda: Allocator, monkeypatch: pytest.MonkeyPatch) -> None:
    buffers = Buffers(cuda)  # type: ignore[arg-type]
    assert buffers.empty("x", (0, 3), FLOAT).shape == (0, 3)
    monkeypatch.setattr(pinned, "_MOST_BYTES", 16)
    assert buffers.empty("x", (17,), BYTE).shape == (17,)
    cuda.full = True
    assert buffers.empty("x", (16,), BYTE).shape == (16,)
    assert not cuda.live


def test_no_buffers_without_cuda() -> None:
    assert pinned.buffers() is None
