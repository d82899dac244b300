"""A GPU that was asked for and not got is never replaced by the CPU in silence."""

from pathlib import Path

import pytest

import onnxmodels
from gpux_predictor.engine import cpus, providers
from gpux_predictor.engine.options import Device
from gpux_predictor.engine.session import Session
from gpux_predictor.errors import LoadError, LoadReason

GPU_BUILD = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
CPU_BUILD = ["CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("backend", "available", "expected"),
    [
        ("cpu", GPU_BUILD, ["CPUExecutionProvider"]),
        ("auto", CPU_BUILD, ["CPUExecutionProvider"]),
        ("auto", GPU_BUILD, ["CUDAExecutionProvider", "CPUExecutionProvider"]),
        ("cuda", GPU_BUILD, ["CUDAExecutionProvider", "CPUExecutionProvider"]),
        ("tensorrt", GPU_BUILD, GPU_BUILD),
        ("rocm", ["ROCMExecutionProvider", *CPU_BUILD], ["ROCMExecutionProvider", "CPUExecutionProvider"]),
        ("coreml", ["CoreMLExecutionProvider", *CPU_BUILD], ["CoreMLExecutionProvider", "CPUExecutionProvider"]),
    ],
)
def test_wanted(backend: str, available: list[str], expected: list[str]) -> None:
    assert providers.wanted(backend, available) == expected


@pytest.mark.parametrize("backend", ["cuda", "tensorrt", "rocm", "openvino", "directml", "coreml"])
def test_a_build_without_the_provider(backend: str, tmp_path: Path) -> None:
    with pytest.raises(
        LoadError, match=f"backend {backend} needs .*, this onnxruntime has .*: (install|use)"
    ) as caught:
        providers.wanted(backend, CPU_BUILD)
    assert caught.value.reason is LoadReason.PROVIDER_UNAVAILABLE
    file = onnxmodels.identity(tmp_path / "model.onnx")
    with pytest.raises(LoadError, match=f"backend {backend} needs"):
        Session(file, backend, Device())


ASKED = ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("got", "placed", "problem", "message"),
    [
        (CPU_BUILD, {}, None, "backend cuda: CUDAExecutionProvider could not start: check the device, its driver"),
        (CPU_BUILD, {}, "libcudart.so.13: no", "backend cuda: CUDAExecutionProvider could not start: libcudart.so.13: no"),
        (ASKED, {"CPUExecutionProvider": {"Add": 1}}, None, "CUDAExecutionProvider has no kernel for any node of this graph"),
    ],
)  # fmt: skip
def test_a_provider_that_does_not_run_the_graph(
    got: list[str], placed: dict[str, object], problem: str | None, message: str
) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        providers.verify("cuda", ASKED, got, placed, lambda _: problem)
    assert caught.value.reason is LoadReason.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize("placed", [{}, {"CUDAExecutionProvider": {"Add": 1}, "CPUExecutionProvider": {"Shape": 3}}])
def test_a_provider_that_runs_the_graph_or_a_part_of_it(placed: dict[str, object]) -> None:
    providers.verify("cuda", ASKED, ASKED, placed, lambda _: None)


def test_cpus_of_a_cgroup(tmp_path: Path) -> None:
    assert cpus.available(tmp_path) >= 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cpus.available(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    unlimited = cpus.available(tmp_path)
    assert unlimited >= 1
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cpus.available(tmp_path) == 1
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cpus.available(tmp_path) == unlimited
