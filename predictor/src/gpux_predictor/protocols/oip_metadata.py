"""What the Open Inference Protocol tells about the server and the model."""

from importlib.metadata import version
from typing import Any

from gpux_predictor.tensors.signature import Signature, Tensor

SERVER_NAME = "gpux-predictor"
EXTENSIONS = ("binary_tensor_data",)
"""The extensions that are served, by Triton's names for them."""
PLATFORM = "onnxruntime_onnx"
"""The protocol's name for ONNX models on ONNX Runtime ("Platforms")."""


def server() -> dict[str, Any]:
    """The server metadata response."""
    return {"name": SERVER_NAME, "version": version("gpux-predictor"), "extensions": list(EXTENSIONS)}


def model(name: str, model_version: str | None, signature: Signature) -> dict[str, Any]:
    """The model metadata response; varying dimensions are -1."""
    return {
        "name": name,
        "versions": [model_version] if model_version else [],
        "platform": PLATFORM,
        "inputs": [_tensor(tensor) for tensor in signature.inputs],
        "outputs": [_tensor(tensor) for tensor in signature.outputs],
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "datatype": tensor.element.oip if tensor.element else "BYTES",
        "shape": tensor.describe()["shape"],
    }
