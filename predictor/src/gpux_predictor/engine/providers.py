"""From `runtime.gpu.backend` to ONNX Runtime's execution providers, and the proof that the one asked for runs.

ONNX Runtime falls back to the CPU without an error when a provider cannot start (onnxruntime #23372, #17801); a model that was
promised a GPU must not serve from the CPU in silence.
"""

from collections.abc import Callable, Mapping, Sequence

from gpux_predictor.errors import LoadError, LoadReason

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
PROVIDERS: dict[str, tuple[str, ...]] = {
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
    "cuda": ("CUDAExecutionProvider",),
    "rocm": ("MIGraphXExecutionProvider", "ROCMExecutionProvider"),
    "openvino": ("OpenVINOExecutionProvider",),
    "directml": ("DmlExecutionProvider",),
    "coreml": ("CoreMLExecutionProvider",),
    "cpu": (),
}
"""The providers of a backend, in ONNX Runtime's order of preference; the CPU comes last in each."""

_AUTO = ("cuda", "rocm", "directml", "coreml")
_PACKAGES = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
    "directml": "onnxruntime-directml",
}


def wanted(backend: str, available: Sequence[str]) -> list[str]:
    """The providers to ask a session for, the CPU last.

    Args:
        backend: as in `runtime.gpu.backend`; auto is the best that this onnxruntime build has.
        available: what `onnxruntime.get_available_providers()` says of this build.

    Raises:
        LoadError: ProviderUnavailable if the build has none of the backend's providers.
    """
    if backend == "auto":
        backend = next((name for name in _AUTO if set(PROVIDERS[name]) & set(available)), "cpu")
    chosen = [name for name in PROVIDERS[backend] if name in available]
    if PROVIDERS[backend] and PROVIDERS[backend][0] not in available and not (backend == "rocm" and chosen):
        package = f"install {_PACKAGES[backend]}" if backend in _PACKAGES else "use an onnxruntime build that has it"
        raise LoadError(
            LoadReason.PROVIDER_UNAVAILABLE,
            f"backend {backend} needs {PROVIDERS[backend][0]}, this onnxruntime has {', '.join(available)}: {package}",
        )
    return [*chosen, CPU]


def verify(
    backend: str,
    asked: Sequence[str],
    got: Sequence[str],
    placed: Mapping[str, object],
    problem: Callable[[str], str | None],
) -> None:
    """Holds what a session runs on against what was asked for.

    Args:
        backend: as in `runtime.gpu.backend`.
        asked: the providers that the session was to have, best first.
        got: those that it has.
        placed: those that run a node of the graph; empty where that is not known.
        problem: why a provider's library does not load, None if it does.

    Raises:
        LoadError: ProviderUnavailable if the session came up without the device, or leaves all of the graph to the CPU.
    """
    if asked[0] == CPU:
        return
    if asked[0] not in got:
        raise LoadError(
            LoadReason.PROVIDER_UNAVAILABLE,
            f"backend {backend}: {asked[0]} could not start: "
            f"{problem(asked[0]) or 'check the device, its driver and the libraries of the image'}",
        )
    if placed and not placed.keys() - {CPU}:
        raise LoadError(
            LoadReason.PROVIDER_UNAVAILABLE,
            f"backend {backend}: {asked[0]} has no kernel for any node of this graph, all of it would run on the CPU: "
            "remove runtime.gpu",
        )
