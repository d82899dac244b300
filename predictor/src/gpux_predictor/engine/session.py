"""One ONNX Runtime session: its signature, its provider, and a run that can be stopped."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from gpux_predictor.engine import errors, graph, pinned, providers, shaped, weights
from gpux_predictor.engine.opening import Opened, open_session
from gpux_predictor.engine.options import Device
from gpux_predictor.errors import BadRequest, DeviceFailed, InferenceFailed, LoadError, RequestError
from gpux_predictor.tensors import bfloat16

_BFLOAT16 = 16
"""`TensorProto.BFLOAT16` (onnx.proto)."""
_NO_VERSION = 2**63 - 1
"""What onnxruntime reports for a file without `model_version`."""


class Session:
    """A loaded model.

    Args:
        file: the ONNX file.
        backend: as in `runtime.gpu.backend`.
        device: threads, memory and cache of the providers.

    Attributes:
        providers: what the session runs on, best first.
        placement: for each provider the operators that it runs.
        sizes: how many batch sizes may be in use, as each takes time and memory of its own; None for any number.
        empty: memory for batches that the device reads faster than any other; None where there is none.
        signature: the graph's inputs and outputs.

    Raises:
        LoadError: InvalidModel, UnsupportedTensorType or ProviderUnavailable.
    """

    def __init__(self, file: Path, backend: str, device: Device) -> None:
        opened, self.sizes = _opened(file, backend, device)
        self._session = opened.session
        self.providers = opened.providers
        self.placement = opened.placement
        self._run = opened.session.run
        if self.sizes and self.sizes > 1:
            self._run = shaped.ByShape(opened.session, opened.again, self.sizes).run
        self.empty = pinned.buffers() if providers.CUDA in self.providers else None
        self.signature = graph.signature(self._session)
        self._bfloat16 = {
            t.name
            for t in (*self.signature.inputs, *self.signature.outputs)
            if t.element and t.element.name == "bfloat16"
        }

    @property
    def raw_run(self) -> Callable[[list[str], dict[str, np.ndarray]], list[Any]] | None:
        """`InferenceSession.run`, for who takes its errors as they are; None where a run needs more than that."""
        return None if self._bfloat16 or self.sizes else self._session.run

    def metadata(self) -> dict[str, Any]:
        """What the file says about itself."""
        meta = self._session.get_modelmeta()
        try:
            custom = dict(meta.custom_metadata_map)
        except UnicodeDecodeError:
            custom = {}
        found = custom | {
            "producer": meta.producer_name,
            "graph": meta.graph_name,
            "domain": meta.domain,
            "description": meta.description,
            "version": None if meta.version == _NO_VERSION else meta.version,
        }
        return {key: value for key, value in found.items() if value not in ("", None)}

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], options: "ort.RunOptions | None" = None
    ) -> dict[str, Any]:
        """One run of the graph.

        Args:
            outputs: the names to compute.
            feeds: an array for each input, in the dtype of its element type.
            options: set `terminate` on it from another thread to stop the run; None where nothing will.

        Returns:
            Each output as an array; sequences and maps as ONNX Runtime gives them.

        Raises:
            BadRequest: the graph refuses the values (an index out of bounds, sizes that do not go together).
            DeviceFailed: the device or its libraries broke.
            InferenceFailed: the run broke for another reason.
        """
        try:
            if self._bfloat16:
                return self._run_with_bfloat16(outputs, feeds, options)
            return dict(zip(outputs, self._run(outputs, feeds, options), strict=True))
        except Exception as error:
            raise _kind(error)(f"Inference failed: {errors.plain(error)}") from error

    def _run_with_bfloat16(
        self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], options: "ort.RunOptions | None"
    ) -> dict[str, Any]:
        """numpy has no bfloat16: its bits travel as uint16 in OrtValues."""
        values = {
            name: ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bfloat16.to_bits(array), _BFLOAT16)
            if name in self._bfloat16
            else ort.OrtValue.ortvalue_from_numpy(array)
            for name, array in feeds.items()
        }
        results = self._session.run_with_ort_values(list(outputs), values, options)
        return {
            name: bfloat16.from_bits(_bits(value)) if name in self._bfloat16 else value.numpy()
            for name, value in zip(outputs, results, strict=True)
        }


def _opened(file: Path, backend: str, device: Device) -> tuple[Opened, int | None]:
    """A session, and how many like it there may be, in equal parts of the memory; raises as `Session` does.

    Where a part does not suffice there is one, with all of the memory.
    """
    opened = open_session(file, backend, device)
    size = weights.size(file) if providers.CUDA in opened.placement else 0
    count = shaped.sessions(opened.placement, size, device.memory_bytes, fixed=_is_fixed(opened.session))
    if not device.memory_bytes or count in {None, 1}:
        return opened, count
    before = opened.providers
    del opened  # before the next one takes memory
    with suppress(LoadError):
        opened = open_session(file, backend, replace(device, memory_bytes=device.memory_bytes // (count or 1)))
        if opened.providers == before:  # with backend auto the CPU takes over what does not fit
            return opened, count
        del opened
    return open_session(file, backend, device), 1


def _is_fixed(session: "ort.InferenceSession") -> bool:
    """Whether each input has one shape only. A shape without dimensions may be one that the file leaves open."""
    return all(arg.shape and all(isinstance(dim, int) for dim in arg.shape) for arg in session.get_inputs())


def _kind(error: Exception) -> type[RequestError]:
    if errors.is_callers(error):
        return BadRequest
    return DeviceFailed if errors.is_device(error) else InferenceFailed


def run_options() -> "ort.RunOptions":
    """Options of one run; `terminate` stops it."""
    return ort.RunOptions()


def _bits(value: "ort.OrtValue") -> np.ndarray:
    """A copy of a tensor's memory on the CPU as uint16."""
    count = int(np.prod(value.shape(), dtype=np.int64))
    raw = ctypes.string_at(value.data_ptr(), count * 2)
    return np.frombuffer(raw, dtype=np.uint16).reshape(value.shape())
