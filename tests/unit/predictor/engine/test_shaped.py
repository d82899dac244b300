"""A session for each shape: as many as there are shapes, up to a few, and the results of any."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

import onnxmodels
from gpux_predictor.engine import shaped, weights
from gpux_predictor.engine.opening import Opened, open_session
from gpux_predictor.engine.options import Device
from gpux_predictor.engine.session import Session
from gpux_predictor.engine.shaped import ByShape
from gpux_predictor.errors import LoadError, LoadReason


class File:
    """A real file, and the sessions opened of it."""

    def __init__(self, path: Path, most: int = 100) -> None:
        x, y = (onnxmodels.tensor(name, "float32", ["n", 2]) for name in ("x", "y"))
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        self._path = onnxmodels.save(path, [node], [x], [y], {"w": np.array([[1, 2], [3, 4]], np.float32)})
        self._most = most
        self.opened: list[Counted] = []

    def open(self) -> "Counted":
        if len(self.opened) == self._most:
            raise LoadError(LoadReason.PROVIDER_UNAVAILABLE, "full")
        self.opened.append(Counted(ort.InferenceSession(str(self._path))))
        return self.opened[-1]


class Counted:
    """A session that remembers the rows that it ran."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.rows: list[int] = []

    def run(self, outputs: list[str], feeds: dict[str, np.ndarray], options: ort.RunOptions | None) -> list[np.ndarray]:
        self.rows.append(len(feeds["x"]))
        results: list[np.ndarray] = self._session.run(outputs, feeds, options)
        return results


def asked(sessions: ByShape, rows: int) -> None:
    x = np.random.default_rng(rows).standard_normal((rows, 2)).astype(np.float32)
    [y] = sessions.run(["y"], {"x": x}, None)
    np.testing.assert_allclose(y, x @ np.array([[1, 2], [3, 4]], np.float32), rtol=1e-5)


def test_each_shape_stays_on_its_session(tmp_path: Path) -> None:
    file = File(tmp_path / "model.onnx")
    sessions = ByShape(file.open(), file.open, 4)
    for rows in (1, 4, 16, 64) * 3:
        asked(sessions, rows)
    assert [set(session.rows) for session in file.opened] == [{1}, {4}, {16}, {64}]


def test_a_shape_too_many_takes_the_session_that_was_idle_longest(tmp_path: Path) -> None:
    file = File(tmp_path / "model.onnx")
    sessions = ByShape(file.open(), file.open, 4)
    for rows in (1, 4, 16, 64, 1, 5, 1, 5):
        asked(sessions, rows)
    assert [session.rows for session in file.opened] == [[1, 1, 1], [4, 5, 5], [16], [64]]


def test_a_device_that_is_full_shares_the_sessions_there_are(tmp_path: Path) -> None:
    file = File(tmp_path / "model.onnx", most=2)
    sessions = ByShape(file.open(), file.open, 4)
    for rows in (1, 4, 16, 4, 16, 1):
        asked(sessions, rows)
    assert [session.rows for session in file.opened] == [[1, 16, 16], [4, 4, 1]]


def test_from_many_threads(tmp_path: Path) -> None:
    file = File(tmp_path / "model.onnx")
    sessions = ByShape(file.open(), file.open, 4)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda i: asked(sessions, 1 + i % 6), range(400)))
    assert len(file.opened) == 4


CONVOLUTIONS, MIB = {"CUDAExecutionProvider": {"Conv": 3, "Relu": 1}}, 2**20


@pytest.mark.parametrize(
    ("placed", "size", "limit", "expected"),
    [
        (CONVOLUTIONS, 300 * MIB, None, 4),
        (CONVOLUTIONS, 3000 * MIB, None, 2),
        (CONVOLUTIONS, 100 * MIB, 800 * MIB, 4),
        (CONVOLUTIONS, 100 * MIB, 799 * MIB, 2),
        (CONVOLUTIONS, 100 * MIB, 399 * MIB, 1),
        ({"CUDAExecutionProvider": {"MatMul": 3}, "CPUExecutionProvider": {"Conv": 1}}, 1, None, None),
        ({"CPUExecutionProvider": {"Conv": 3}}, 1, None, None),
        ({}, 1, None, None),
    ],
)
def test_how_many_sessions(
    placed: dict[str, dict[str, int]], size: int, limit: int | None, expected: int | None
) -> None:
    assert shaped.sessions(placed, size, limit) == expected
    assert shaped.sessions(placed, size, limit, fixed=True) is None


def test_while_a_session_opens_the_others_run(tmp_path: Path) -> None:
    file = File(tmp_path / "model.onnx")
    opening, go_on = threading.Event(), threading.Event()

    def slowly() -> Counted:
        opening.set()
        assert go_on.wait(10)
        return file.open()

    sessions = ByShape(file.open(), slowly, 4)
    asked(sessions, 1)
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(asked, sessions, 4) for _ in range(2)]
        assert opening.wait(10)
        threads.submit(asked, sessions, 1).result(timeout=10)
        assert not any(future.done() for future in waiting)
        go_on.set()
        for future in waiting:
            future.result(timeout=10)
    assert [session.rows for session in file.opened] == [[1, 1], [4, 4]]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("n", ([1000 * MIB, 250 * MIB], 4)), (1, ([1000 * MIB], None)), (None, ([1000 * MIB, 250 * MIB], 4))],
)
def test_only_a_graph_of_many_shapes_shares_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str | int | None, expected: tuple[list[int], int | None]
) -> None:
    limits = opened_as_on_a_gpu(tmp_path, monkeypatch, shape)
    session = Session(tmp_path / "model.onnx", "cpu", Device(1000 * MIB, 1))
    assert (limits, session.sizes) == expected


def test_a_part_that_does_not_suffice_is_the_whole_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = opened_as_on_a_gpu(tmp_path, monkeypatch, "n", least=300 * MIB)
    session = Session(tmp_path / "model.onnx", "cpu", Device(1000 * MIB, 1))
    assert (limits, session.sizes) == ([1000 * MIB, 250 * MIB, 1000 * MIB], 1)


def opened_as_on_a_gpu(
    folder: Path, monkeypatch: pytest.MonkeyPatch, shape: str | int | None, least: int = 0
) -> list[int | None]:
    """A graph whose convolutions are said to be on a GPU that wants so much memory; returns the limits it is opened with."""
    x, y = (onnxmodels.tensor(name, "float32", [shape, 1, 4]) for name in ("x", "y"))
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1])
    onnxmodels.save(folder / "model.onnx", [node], [x], [y], {"w": np.ones((1, 1, 3), np.float32)})
    limits: list[int | None] = []

    def opened(file: Path, backend: str, device: Device) -> Opened:
        limits.append(device.memory_bytes)
        if device.memory_bytes and device.memory_bytes < least:
            raise LoadError(LoadReason.PROVIDER_UNAVAILABLE, "model.onnx does not fit on the device")
        return replace(open_session(file, backend, device), placement=CONVOLUTIONS)

    monkeypatch.setattr("gpux_predictor.engine.session.open_session", opened)
    return limits


@pytest.mark.parametrize("location", ["model.onnx_data", "weights-" + "x" * 150])
def test_weights_beside_the_file_count(tmp_path: Path, location: str) -> None:
    x, y = (onnxmodels.tensor(name, "float32", ["n", 64]) for name in ("x", "y"))
    inside = onnxmodels.save(
        tmp_path / "inside.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [x],
        [y],
        {"w": np.random.default_rng(0).random((64, 64), np.float32)},
    )
    (tmp_path / "other.onnx").write_bytes(b"x" * 10**6)
    file = tmp_path / "model.onnx"
    onnx.save(onnx.load(inside), file, save_as_external_data=True, location=location, size_threshold=0)
    assert weights.size(inside) == inside.stat().st_size
    assert weights.size(file) == file.stat().st_size + (tmp_path / location).stat().st_size > 64 * 64 * 4
