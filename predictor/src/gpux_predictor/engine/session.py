"""One ONNX Runtime session: its signature, its provider, and a run that can be stopped."""

import ctypes
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpux_predictor.engine import providers
from gpux_predictor.errors import BadRequest, InferenceFailed, LoadError, LoadReason
from gpux_predictor.tensors import bfloat16
from gpux_predictor.tensors.dtypes import from_onnx
from gpux_predictor.tensors.signature import Signature, Tensor

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import: onnxruntime >= 1.29 phones home by default

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

_BFLOAT16 = 16
"""`TensorProto.BFLOAT16` (onnx.proto)."""
_NO_VERSION = 2**63 - 1
"""What onnxruntime reports for a file without `model_version`."""


class Session:
    """A loaded model.

    Args:
        file: the ONNX file.
        backend: as in `runtime.gpu.backend`.
        threads: threads of one run.

    Raises:
        LoadError: InvalidModel, UnsupportedTensorType or ProviderUnavailable.
    """

    def __init__(self, file: Path, backend: str, threads: int) -> None:
        asked = providers.wanted(backend, ort.get_available_providers())
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # errors are raised, with the same text
        try:
            self._session = ort.InferenceSession(str(file), sess_options=options, providers=asked)
        except Exception as error:  # onnxruntime's errors share no base but Exception
            raise LoadError(LoadReason.INVALID_MODEL, f"{file.name} cannot be loaded: {plain(error)}") from error
        self.providers: list[str] = self._session.get_providers()
        providers.verify(backend, asked, self.providers)
        self.signature = _signature(self._session)
        self._bfloat16 = {
            t.name
            for t in (*self.signature.inputs, *self.signature.outputs)
            if t.element and t.element.name == "bfloat16"
        }

    def metadata(self) -> dict[str, Any]:
        """What the file says about itself."""
        meta = self._session.get_modelmeta()
        found = {
            "producer": meta.producer_name,
            "graph": meta.graph_name,
            "domain": meta.domain,
            "description": meta.description,
            "version": None if meta.version == _NO_VERSION else meta.version,
            **meta.custom_metadata_map,
        }
        return {key: value for key, value in found.items() if value not in ("", None)}

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], options: "ort.RunOptions") -> dict[str, Any]:
        """One run of the graph.

        Args:
            outputs: the names to compute.
            feeds: an array for each input, in the dtype of its element type.
            options: set `terminate` on it from another thread to stop the run.

        Returns:
            Each output as an array; sequences and maps as ONNX Runtime gives them.

        Raises:
            BadRequest: the graph refuses the values (an index out of bounds, say).
            InferenceFailed: the run broke.
        """
        try:
            if self._bfloat16:
                return self._run_with_bfloat16(outputs, feeds, options)
            return dict(zip(outputs, self._session.run(list(outputs), dict(feeds), options), strict=True))
        except ort_errors.InvalidArgument as error:
            raise BadRequest(f"Inference failed: {plain(error)}") from error
        except Exception as error:
            raise InferenceFailed(f"Inference failed: {plain(error)}") from error

    def _run_with_bfloat16(
        self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], options: "ort.RunOptions"
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


def run_options() -> "ort.RunOptions":
    """Options of one run; `terminate` stops it."""
    return ort.RunOptions()


def _bits(value: "ort.OrtValue") -> np.ndarray:
    """A copy of a tensor's memory on the CPU as uint16."""
    count = int(np.prod(value.shape(), dtype=np.int64))
    raw = ctypes.string_at(value.data_ptr(), count * 2)
    return np.frombuffer(raw, dtype=np.uint16).reshape(value.shape())


def _signature(session: "ort.InferenceSession") -> Signature:
    inputs = tuple(_tensor(arg, required=True) for arg in session.get_inputs())
    optional = tuple(_tensor(arg, required=False) for arg in session.get_overridable_initializers())
    for tensor, arg in zip(inputs, session.get_inputs(), strict=True):
        if tensor.element is None:
            raise LoadError(
                LoadReason.UNSUPPORTED_TENSOR_TYPE,
                f"input '{tensor.name}' is a {arg.type}: only tensors of floats, integers, booleans and strings can be sent",
            )
    outputs = tuple(_tensor(arg, required=True) for arg in session.get_outputs())
    return Signature(inputs, outputs, optional)


def _tensor(arg: Any, *, required: bool) -> Tensor:  # noqa: ANN401  (onnxruntime.NodeArg has no types)
    element = from_onnx(arg.type)
    shape = tuple(None if dim in ("", "?") else dim for dim in arg.shape or ()) if element is not None else ()
    return Tensor(arg.name, element, shape, required)


def plain(error: BaseException) -> str:
    """An onnxruntime error without its prefixes and stack: one line."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if text.startswith("[ONNXRuntimeError] : "):
        text = text.split(" : ", 3)[-1]
    return text
