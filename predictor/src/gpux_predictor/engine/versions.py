"""What a compiled engine depends on beside its model."""

import subprocess

import onnxruntime as ort


def versions() -> tuple[str, ...]:
    """ONNX Runtime, its build, and the GPU's driver and name."""
    build = ort.get_build_info() if hasattr(ort, "get_build_info") else ""
    return (ort.__version__, build, *_gpus())


def _gpus() -> tuple[str, ...]:
    """Name and compute capability of each GPU and the driver's version, as the NVIDIA driver's own tool says; () without one."""
    command = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(found.stdout.splitlines())
