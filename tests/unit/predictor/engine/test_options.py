"""Provider options, and compiled engines that are told apart by all that they depend on."""

from dataclasses import replace
from pathlib import Path

import pytest

from gpux_predictor.engine.options import Device, cache_key, engine_cache, with_options

DEVICE = Device(2**31, 3, "ab", Path("/engines"), ("1.27", "NVIDIA H100, 9.0, 570"))


@pytest.mark.parametrize(
    "other",
    [
        replace(DEVICE, sha256="ac"),
        replace(DEVICE, versions=("1.28", "NVIDIA H100, 9.0, 570")),
        replace(DEVICE, versions=("1.27", "NVIDIA H100, 9.0, 575")),
        replace(DEVICE, versions=("1.27", "NVIDIA A100, 8.0, 570")),
        replace(DEVICE, versions=("1.27",)),
        replace(DEVICE, sha256="a", versions=("b1.27", "NVIDIA H100, 9.0, 570")),
    ],
)
def test_engines_of_anything_else_have_another_key(other: Device) -> None:
    assert cache_key(other) != cache_key(DEVICE)
    assert cache_key(replace(other)) == cache_key(other)


def test_a_limit_of_memory_makes_no_other_engine() -> None:
    assert cache_key(replace(DEVICE, memory_bytes=None, threads=1)) == cache_key(DEVICE)


def test_options_by_provider() -> None:
    names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider", "CPUExecutionProvider"]
    options = dict(with_options(names, DEVICE))
    assert options["CUDAExecutionProvider"]["cudnn_conv_algo_search"] == "HEURISTIC"
    assert options["CUDAExecutionProvider"]["use_tf32"] == "0", "with it batches give other numbers than samples alone"
    assert options["CUDAExecutionProvider"]["gpu_mem_limit"] == str(2**31)
    folder = f"/engines/{cache_key(DEVICE)}"
    assert options["TensorrtExecutionProvider"]["trt_engine_cache_path"] == folder
    assert options["OpenVINOExecutionProvider"] == {
        "device_type": "CPU", "num_of_threads": "3", "cache_dir": folder,
    }  # fmt: skip
    assert options["CPUExecutionProvider"] == {}
    bare = dict(with_options(names, Device()))
    assert "gpu_mem_limit" not in bare["CUDAExecutionProvider"]
    assert "trt_engine_cache_enable" not in bare["TensorrtExecutionProvider"]


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUX_ENGINE_CACHE", raising=False)
    assert engine_cache() is None
    monkeypatch.setenv("GPUX_ENGINE_CACHE", "/engines")
    assert engine_cache() == Path("/engines")
