"""Which library is missing, in the words of the system's loader."""

import sys
from pathlib import Path

import onnxruntime as ort
import pytest

from gpux_predictor.engine import libraries

SHARED = Path(ort.__file__).parent / "capi" / "libonnxruntime_providers_shared.so"


@pytest.mark.skipif(sys.platform != "linux" or not SHARED.exists(), reason="takes a Linux library apart")
def test_a_library_that_needs_one_that_is_not_there(tmp_path: Path) -> None:
    """A real library, made to need another C library."""
    file = tmp_path / "libonnxruntime_providers_cuda.so"
    content = SHARED.read_bytes()
    assert b"\0libc.so.6\0" in content
    file.write_bytes(content.replace(b"\0libc.so.6\0", b"\0libq.so.6\0"))
    assert libraries.problem("CUDAExecutionProvider", tmp_path) == (
        "libq.so.6: cannot open shared object file: No such file or directory"
    )
    file.write_bytes(content)
    assert libraries.problem("CUDAExecutionProvider", tmp_path) is None


def test_a_library_that_is_not_there(tmp_path: Path) -> None:
    assert "libonnxruntime_providers_tensorrt.so" in str(libraries.problem("TensorrtExecutionProvider", tmp_path))


def test_providers_without_a_library_of_their_own(tmp_path: Path) -> None:
    assert libraries.problem("CPUExecutionProvider", tmp_path) is None


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    libraries.preload("CUDAExecutionProvider")
    assert capfd.readouterr() == ("", "")
