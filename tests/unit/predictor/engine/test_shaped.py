"""A session for each shape: as many as there are shapes, up to a few, and the results of any."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import helper

import onnxmodels
from gpux_predictor.engine import shaped
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
