"""The shared libraries that a provider needs: found where pip puts them, and named when one is missing.

ONNX Runtime loads a provider's library when a session asks for it, and when that fails goes on without the provider; the reason is
written to the C++ log only.
"""

import ctypes
import io
from contextlib import redirect_stdout
from pathlib import Path

import onnxruntime as ort

_NVIDIA = ("CUDAExecutionProvider", "TensorrtExecutionProvider")
_NAMES = {
    "CUDAExecutionProvider": "cuda",
    "TensorrtExecutionProvider": "tensorrt",
    "MIGraphXExecutionProvider": "migraphx",
    "ROCMExecutionProvider": "rocm",
    "OpenVINOExecutionProvider": "openvino",
}
"""Providers that live in a library of their own, with its name."""
_FOLDER = Path(ort.__file__).parent / "capi"


def preload(provider: str) -> None:
    """Loads CUDA and cuDNN from pip's nvidia packages, where they are beside onnxruntime; elsewhere the system's loader finds them.

    Without it `pip install onnxruntime-gpu[cuda,cudnn]` installs libraries that nothing looks for (onnxruntime.preload_dlls).
    """
    if provider in _NVIDIA and hasattr(ort, "preload_dlls"):
        with redirect_stdout(io.StringIO()):  # what it cannot load it prints; `problem` says what matters of that
            ort.preload_dlls()


def problem(provider: str, folder: Path = _FOLDER) -> str | None:
    """Why the system's loader refuses a provider's library, in its words, which name the missing one; None if it does not.

    Args:
        provider: as ONNX Runtime names it.
        folder: where onnxruntime's libraries are.
    """
    if provider not in _NAMES:
        return None
    try:
        shared = folder / "libonnxruntime_providers_shared.so"
        if shared.exists():
            ctypes.CDLL(str(shared), ctypes.RTLD_GLOBAL)  # the others have symbols from it, and do not name it
        ctypes.CDLL(str(folder / f"libonnxruntime_providers_{_NAMES[provider]}.so"))
    except OSError as error:
        return str(error)
    return None
