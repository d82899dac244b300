"""Options of each execution provider, where ONNX Runtime's defaults hurt a server.

Sources: ONNX Runtime's pages on the CUDA, TensorRT and OpenVINO execution providers; PaddleX #5057 (EXHAUSTIVE tunes again for each
new shape: 634 ms against 1.9 ms), onnxruntime #22244 (engine caches that are not told apart).
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Options = dict[str, str]


@dataclass(frozen=True)
class Device:
    """What the providers of one model are told.

    Attributes:
        memory_bytes: the most that ONNX Runtime's arena takes (`runtime.gpu.memory`), None for no limit.
        threads: of one run.
        sha256: the model file's digest.
        cache: the folder for compiled engines, None for no cache.
        versions: of everything that a compiled engine depends on: ONNX Runtime, TensorRT or driver, the GPU's name.
    """

    memory_bytes: int | None = None
    threads: int = 1
    sha256: str = ""
    cache: Path | None = None
    versions: tuple[str, ...] = ()


def with_options(providers: Sequence[str], device: Device) -> list[tuple[str, Options]]:
    """The providers with their options, as `InferenceSession` takes them."""
    return [(name, _OPTIONS[name](device) if name in _OPTIONS else {}) for name in providers]


def cache_key(device: Device) -> str:
    """A name for compiled engines of one model on one kind of device with one set of versions: nothing else may load them."""
    text = "\n".join((device.sha256, *device.versions))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def engine_cache() -> Path | None:
    """Where compiled engines are kept: `GPUX_ENGINE_CACHE`; None without it, since a pod's file system is read-only."""
    folder = os.environ.get("GPUX_ENGINE_CACHE")
    return Path(folder) if folder else None


def _cuda(device: Device) -> Options:
    options = {
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": "0",
    }
    if device.memory_bytes is not None:
        options["gpu_mem_limit"] = str(device.memory_bytes)
    return options


def _tensorrt(device: Device) -> Options:
    options = {"trt_timing_cache_enable": "True"}
    if device.memory_bytes is not None:
        options["trt_max_workspace_size"] = str(device.memory_bytes // 2)
    if device.cache is not None:
        folder = str(device.cache / cache_key(device))
        options |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": folder,
            "trt_timing_cache_path": folder,
        }
    return options


def _openvino(device: Device) -> Options:
    options = {"device_type": "CPU", "num_of_threads": str(device.threads)}
    if device.cache is not None:
        options["cache_dir"] = str(device.cache / cache_key(device))
    return options


_OPTIONS = {
    "CUDAExecutionProvider": _cuda,
    "TensorrtExecutionProvider": _tensorrt,
    "OpenVINOExecutionProvider": _openvino,
}
