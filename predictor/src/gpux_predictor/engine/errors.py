"""What onnxruntime's errors say, and whose they are."""

import re

_NODE = "Non-zero status code returned while running"
_MEMORY = re.compile(r"(?:\b|_)(?:de|re|bad_|cuda)?alloc|out of memory", re.IGNORECASE)
_DEVICE = re.compile(r"\bCUDA|\bCUDNN|\bcuBLAS|\bHIP|\bMIGraphX|TensorRT", re.IGNORECASE)
_STOPPED = re.compile(r"\bterminat", re.IGNORECASE)
_SOURCE = re.compile(r"/\S+\.(?:h|hpp|cc|cpp|cu|cuh):\d+ (?:.*?was false\. ?)?")
_WHERE = re.compile(r" ; GPU=-?\d+ ; hostname=.*")
_FUNCTION = re.compile(r"^.*onnxruntime::CudaCall\(.*\] |\S+ onnxruntime::\S+\(.*?\) |\bError in execution: ")
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")


def is_callers(error: BaseException) -> bool:
    """Whether the values of the request made the run fail.

    A loaded graph is fixed, so a node that refuses its operands (sizes that do not broadcast, an index out of bounds) refuses
    what was sent. Memory, devices and runs that were stopped are nobody's input.
    """
    text = str(error)
    refused = _NODE in text or type(error).__name__ == "InvalidArgument"
    return refused and not any(kind.search(text) for kind in (_MEMORY, _DEVICE, _STOPPED))


def is_memory(error: BaseException) -> bool:
    """Whether memory did not suffice, which a smaller batch may not need."""
    return _MEMORY.search(str(error)) is not None


def is_device(error: BaseException) -> bool:
    """Whether a device or its libraries broke, for another reason than too little memory."""
    return _DEVICE.search(str(error)) is not None and not is_memory(error)


def plain(error: BaseException) -> str:
    """The error in one line, without prefixes, onnxruntime's own source lines and functions, and the machine's name."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    for part in (_PREFIX, _SOURCE, _FUNCTION, _WHERE):
        text = part.sub("", text)
    return text.strip()
