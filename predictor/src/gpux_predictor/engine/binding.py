"""Runs with bound inputs and outputs, for providers on a device.

`session.run` allocates on the device for each run; a binding keeps its input buffers for each shape, so that memory on the device
stays what the shapes in use need (Triton #7594: it grows with their variety and never comes back).
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

_SHAPES = 16
"""Shapes whose buffers are kept; the least recently used go."""
Buffers = dict[str, "ort.OrtValue"]


class Binding:
    """Bound runs of one session; each thread has its own buffers.

    Args:
        session: the session.
        device: as ONNX Runtime names it: `cuda`, `cpu`.
        device_id: which of them.
    """

    def __init__(self, session: "ort.InferenceSession", device: str, device_id: int = 0) -> None:
        self._session = session
        self._device = device
        self._id = device_id
        self._local = threading.local()

    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], options: Any) -> list[Any]:  # noqa: ANN401
        """One run: inputs copied into kept buffers, outputs allocated by ONNX Runtime and copied back."""
        binding = self._session.io_binding()
        buffers = self._buffers(feeds)
        for name, array in feeds.items():
            buffers[name].update_inplace(np.ascontiguousarray(array))
            binding.bind_ortvalue_input(name, buffers[name])
        for name in outputs:
            binding.bind_output(name, self._device, self._id)
        binding.synchronize_inputs()
        self._session.run_with_iobinding(binding, options)
        binding.synchronize_outputs()
        return list(binding.copy_outputs_to_cpu())

    def _buffers(self, feeds: Mapping[str, np.ndarray]) -> Buffers:
        kept: OrderedDict[object, Buffers] = self._local.__dict__.setdefault("kept", OrderedDict())
        key = tuple((name, array.shape, array.dtype.str) for name, array in feeds.items())
        if key not in kept:
            kept[key] = {
                name: ort.OrtValue.ortvalue_from_shape_and_type(array.shape, array.dtype.type, self._device, self._id)
                for name, array in feeds.items()
            }
            if len(kept) > _SHAPES:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]
