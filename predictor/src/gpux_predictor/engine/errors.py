"""What onnxruntime's errors say, and whose they are."""

import re

_NODE = "Non-zero status code returned while running"
_NOT_THE_CALLERS = re.compile(
    r"\b(?:de|re|bad_|cuda)?alloc|out of memory|\bCUDA|\bCUDNN|\bcuBLAS|\bHIP|\bMIGraphX|TensorRT|\bterminat",
    re.IGNORECASE,
)
_SOURCE = re.compile(r"/\S+\.(?:h|hpp|cc|cpp|cu|cuh):\d+ (?:.*?was false\. ?)?")
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")


def is_callers(error: BaseException) -> bool:
    """Whether the values of the request made the run fail.

    A loaded graph is fixed, so a node that refuses its operands (sizes that do not broadcast, an index out of bounds) refuses
    what was sent. Memory, devices and runs that were stopped are nobody's input.
    """
    text = str(error)
    return (_NODE in text or type(error).__name__ == "InvalidArgument") and _NOT_THE_CALLERS.search(text) is None


def plain(error: BaseException) -> str:
    """The error in one line, without prefixes and without onnxruntime's own source lines."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return _SOURCE.sub("", _PREFIX.sub("", text))
