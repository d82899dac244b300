"""Every element type through a real session, and the errors of loading and running."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxmodels
from gpux_predictor.engine import errors
from gpux_predictor.engine.opening import Opened, open_session
from gpux_predictor.engine.options import Device
from gpux_predictor.engine.session import Session, run_options
from gpux_predictor.errors import BadRequest, InferenceFailed, LoadError, LoadReason
from gpux_predictor.serving.service import ModelService

MakeService = Callable[..., ModelService]
Ask = Callable[[ModelService, object], Any]
VALUES: dict[str, list[Any]] = {
    "float16": [0.5, -2.0], "bfloat16": [1.5, -2.0], "float32": [0.1, -2.0], "float64": [0.1, 1e300],
    "int8": [-128, 127], "int16": [-32768, 32767], "int32": [-(2**31), 2**31 - 1], "int64": [-(2**63), 2**63 - 1],
    "uint8": [0, 255], "uint16": [0, 65535], "uint32": [0, 2**32 - 1], "uint64": [0, 2**64 - 1],
    "bool": [True, False], "string": ["", "grüße \U0001f600"],
}  # fmt: skip


@pytest.mark.parametrize("dtype", VALUES)
def test_every_element_type_comes_back_as_it_went(
    dtype: str, tmp_path: Path, make_service: MakeService, ask: Ask
) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", dtype)
    service = make_service()
    assert service.health.ready, service.health
    assert ask(service, {"x": VALUES[dtype]}) == {"y": VALUES[dtype]}
    assert ask(service, {"x": [VALUES[dtype]] * 3}) == {"y": [VALUES[dtype]] * 3}


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "string", "float16", "bfloat16"])
def test_scalars(dtype: str, tmp_path: Path, make_service: MakeService, ask: Ask) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", dtype, ())
    value = VALUES[dtype][0]
    assert ask(make_service(), {"x": value}) == {"y": value}


def test_a_graph_that_says_nothing_about_its_shapes_takes_any(
    tmp_path: Path, make_service: MakeService, ask: Ask
) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", "float32", None)
    service = make_service()
    for value in (1.5, [1.5], [[1.5, 2.5]]):
        assert ask(service, {"x": value}) == {"y": value}


def test_nan_and_infinity_in_an_answer_are_valid_json(tmp_path: Path, make_service: MakeService, ask: Ask) -> None:
    tensors = [onnxmodels.tensor(name, "float32", ["batch", 3]) for name in ("x", "y")]
    node = helper.make_node("Div", ["x", "zero"], ["y"])
    onnxmodels.save(tmp_path / "model.onnx", [node], tensors[:1], tensors[1:], {"zero": np.zeros(1, np.float32)})
    assert ask(make_service(), {"x": [0, 1, -1]}) == {"y": [None, None, None]}


def test_names_as_real_files_have_them(tmp_path: Path, make_service: MakeService, ask: Ask) -> None:
    x, y = onnxmodels.tensor("input:0", "float32", ["unk__1", 2]), onnxmodels.tensor("387", "float32", ["unk__2", 2])
    onnxmodels.save(tmp_path / "model.onnx", [helper.make_node("Identity", ["input:0"], ["387"])], [x], [y])
    assert ask(make_service(), {"input:0": [1, 2]}) == {"387": [1.0, 2.0]}


def test_an_input_with_a_default_in_the_graph_is_taken_once_it_is_declared(
    tmp_path: Path, make_service: MakeService, ask: Ask
) -> None:
    tensors = [
        onnxmodels.tensor(name, "float32", shape) for name, shape in (("x", ["n", 1]), ("scale", [1]), ("y", ["n", 1]))
    ]
    node = helper.make_node("Mul", ["x", "scale"], ["y"])
    onnxmodels.save(tmp_path / "model.onnx", [node], tensors[:2], tensors[2:], {"scale": np.array([3], np.float32)})
    with pytest.raises(BadRequest, match="Unknown input: 'scale'"):
        ask(make_service(), {"x": [[2]], "scale": 5})
    service = make_service(inputs=[{"name": "x"}, {"name": "scale", "required": False}])
    assert ask(service, {"x": [[2]]}) == {"y": [[6.0]]}
    assert ask(service, {"x": [[2]], "scale": 5}) == {"y": [[10.0]]}


def test_maps_of_class_labels_become_objects(tmp_path: Path, make_service: MakeService, ask: Ask) -> None:
    zipmap = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 7])
    y = helper.make_value_info(
        "y",
        helper.make_sequence_type_proto(
            helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(1, []))
        ),
    )
    onnxmodels.save(tmp_path / "model.onnx", [zipmap], [onnxmodels.tensor("x", "float32", ["n", 2])], [y])
    assert ask(make_service(), {"x": [[0.25, 0.75]]}) == {"y": [{"0": 0.25, "7": 0.75}]}


def test_an_input_that_is_no_tensor_is_refused_at_load(tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
    node = helper.make_node("SequenceLength", ["x"], ["y"])
    file = onnxmodels.save(tmp_path / "model.onnx", [node], [sequence], [onnxmodels.tensor("y", "int64", [])])
    with pytest.raises(LoadError, match="input 'x' is a seq") as caught:
        Session(file, "cpu", Device())
    assert caught.value.reason is LoadReason.UNSUPPORTED_TENSOR_TYPE


def test_a_file_that_is_no_onnx(tmp_path: Path, make_service: MakeService) -> None:
    (tmp_path / "model.onnx").write_bytes(b"hello")
    health = make_service().health
    assert health.reason == LoadReason.INVALID_MODEL
    assert health.detail.startswith("model.onnx cannot be loaded: ")
    assert "\n" not in health.detail


def test_values_that_the_graph_refuses_are_the_callers_error(
    tmp_path: Path, make_service: MakeService, ask: Ask
) -> None:
    ids, y = onnxmodels.tensor("ids", "int64", ["n"]), onnxmodels.tensor("y", "float32", ["n"])
    node = helper.make_node("Gather", ["table", "ids"], ["y"])
    onnxmodels.save(tmp_path / "model.onnx", [node], [ids], [y], {"table": np.ones(4, np.float32)})
    service = make_service()
    with pytest.raises(BadRequest, match=r"^Inference failed: .*out of data bounds, idx=9"):
        ask(service, {"ids": [9]})
    assert ask(service, {"ids": [3]}) == {"y": [1.0]}  # the n of a vector is its batch axis


def test_sizes_that_do_not_go_together_are_the_callers_error(
    tmp_path: Path, make_service: MakeService, ask: Ask
) -> None:
    tensors = [onnxmodels.tensor(name, "float32", [f"n_{name}", f"m_{name}"]) for name in ("a", "b", "y")]
    onnxmodels.save(tmp_path / "model.onnx", [helper.make_node("Mul", ["a", "b"], ["y"])], tensors[:2], tensors[2:])
    with pytest.raises(BadRequest, match="^Inference failed: .*broadcast an axis.* 2 by 3$") as caught:
        ask(make_service(), {"a": [[1, 2, 3]], "b": [[1, 2]]})
    assert "onnxruntime_src" not in caught.value.detail


@pytest.mark.parametrize(
    ("text", "callers", "plain"),
    [
        (
            "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Div node. Name:'' Status "
            "Message: /onnxruntime_src/onnxruntime/core/providers/cpu/math/element_wise_ops.h:563 void "
            "onnxruntime::BroadcastIterator::Init(ptrdiff_t, ptrdiff_t) axis == 1 was false. Attempting to broadcast",
            True,
            "Non-zero status code returned while running Div node. Name:'' Status Message: Attempting to broadcast",
        ),
        ("Non-zero status code returned while running Gemm node. Failed to allocate memory", False, None),
        ("Non-zero status code returned while running Conv node. CUDA failure 700", False, None),
        (
            "[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, "
            "void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, int) [with ERRTYPE = cudaError; "
            "std::conditional_t<THRW, void, common::Status> = void] CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; "
            "hostname=secret ; file=/onnxruntime_src/x.cc ; line=355 ; expr=cudaSetDevice(info_.device_id);",
            False,
            "CUDA failure 100: no CUDA-capable device is detected",
        ),
        (
            "[ONNXRuntimeError] : 1 : FAIL : Error in execution: Non-zero status code returned while running Gather node. Name:'' "
            "Status Message: void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Available memory of "
            "18 is smaller than requested bytes of 20",
            False,
            "Non-zero status code returned while running Gather node. Name:'' Status Message: Available memory of 18 is smaller than "
            "requested bytes of 20",
        ),
        ("Non-zero status code returned while running Add node. Name:'/relationship/Add' sizes differ", True, None),
        ("Non-zero status code returned while running Add node. Name:'/localloc/Add' sizes differ", True, None),
        ("Non-zero status code returned while running Conv node. HIPBLAS_STATUS_ALLOC_FAILED", False, None),
        ("Non-zero status code returned while running Add node. std::bad_alloc", False, None),
        ("Exiting due to terminate flag being set to true.", False, None),
        ("", False, "RuntimeError"),
    ],
)
def test_whose_error_a_broken_run_is(text: str, callers: bool, plain: str | None) -> None:
    assert errors.is_callers(RuntimeError(text)) is callers
    assert errors.plain(RuntimeError(text)) == (text if plain is None else plain)


@pytest.mark.parametrize(
    ("text", "memory", "device"),
    [
        ("CUDA failure 700: an illegal memory access was encountered", False, True),
        ("cuDNN is unavailable or disabled for CUDA Execution Provider: dlopen failed for libcudnn.so", False, True),
        ("CUBLAS failure 14: an internal operation failed", False, True),
        ("CUDA failure 2: out of memory", True, False),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED", True, False),
        (
            "void* onnxruntime::BFCArena::AllocateRawInternal(size_t) Available memory of 1 is smaller than 2",
            True,
            False,
        ),
        ("Exiting due to terminate flag being set to true.", False, False),
    ],
)
def test_what_a_device_says(text: str, memory: bool, device: bool) -> None:
    error = RuntimeError(f"Non-zero status code returned while running Conv node. Name:'' Status Message: {text}")
    assert (errors.is_memory(error), errors.is_device(error)) == (memory, device)


def test_a_device_that_breaks_at_warm_up_is_not_ready(
    tmp_path: Path, make_service: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session without cuDNN starts, and each run of a convolution breaks: such a server would be ready, and answer 500 to all."""
    onnxmodels.identity(tmp_path / "model.onnx")

    def broken(*_: object) -> None:
        raise RuntimeError("Non-zero status code returned while running Conv node. CUDNN failure: dlopen failed")

    def opened(file: Path, backend: str, device: Device) -> Opened:
        real = open_session(file, backend, device)
        return replace(real, session=Broken(real, broken))

    monkeypatch.setattr("gpux_predictor.engine.session.open_session", opened)
    health = make_service().health
    assert health.reason == LoadReason.PROVIDER_UNAVAILABLE
    assert health.detail.startswith("a trial run broke on CPUExecutionProvider: Inference failed: ")
    assert "dlopen failed" in health.detail


class Broken:
    """A session that knows its graph and cannot run it."""

    def __init__(self, opened: Opened, run: Callable[..., None]) -> None:
        self._session = opened.session
        self.run = run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "float64", "float32", "float16", "bool"])
def test_one_sample_of_a_vector_is_a_bare_value(
    dtype: str, tmp_path: Path, make_service: MakeService, ask: Ask
) -> None:
    """numpy gives an int64 from ONNX Runtime the type longlong, which orjson does not know."""
    onnxmodels.identity(tmp_path / "model.onnx", dtype, ["n"])
    value = VALUES[dtype][0]
    assert ask(make_service(), {"x": value}) == {"y": value}


def test_placeholder_names_are_no_common_name(tmp_path: Path, make_service: MakeService, ask: Ask) -> None:
    for shape in (["N", "N"], ["None", "None"]):
        onnxmodels.identity(tmp_path / "model.onnx", shape=shape)
        assert ask(make_service(), {"x": [[1, 2, 3], [4, 5, 6]]}) == {"y": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]}


def test_an_output_that_no_answer_can_carry_is_refused_at_load(tmp_path: Path, make_service: MakeService) -> None:
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT8E4M3FN, ["n"])
    onnxmodels.save(tmp_path / "model.onnx", [node], [onnxmodels.tensor("x", "float32", ["n"])], [y])
    assert make_service().health.reason == LoadReason.UNSUPPORTED_TENSOR_TYPE


def test_columns_as_skl2onnx_makes_them(tmp_path: Path, make_service: MakeService, ask: Ask) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", "string", [None, 1])
    service = make_service()
    assert ask(service, {"x": "a"}) == {"y": ["a"]}
    assert ask(service, {"x": ["a", "b"]}) == {"y": [["a"], ["b"]]}


def test_metadata_that_is_no_text(tmp_path: Path, make_service: MakeService) -> None:
    file = onnxmodels.identity(tmp_path / "model.onnx")
    model = onnx.load(file)
    model.metadata_props.add(key="producer", value="XXXX")
    file.write_bytes(model.SerializeToString().replace(b"XXXX", b"\xff\xfe\xff\xfe"))
    service = make_service()
    assert service.loaded is not None
    assert service.loaded.session.metadata() == {"graph": "test"}


def test_terminate_stops_a_run(tmp_path: Path) -> None:
    session = Session(onnxmodels.slow(tmp_path / "model.onnx", 2), "cpu", Device())
    options = run_options()
    options.terminate = True
    with pytest.raises(InferenceFailed, match=r"[Tt]erminate"):
        session.run(["y"], {"x": np.zeros(2, np.float32)}, options)


def test_question_marks_are_no_common_name(tmp_path: Path, make_service: MakeService, ask: Ask) -> None:
    """rapidocr's classifier has the shape [?, 3, ?, ?]: height and width may differ."""
    onnxmodels.identity(tmp_path / "model.onnx", shape=["?", "?"])
    assert ask(make_service(), {"x": [[1, 2, 3]]}) == {"y": [[1.0, 2.0, 3.0]]}
