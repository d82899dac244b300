"""A batcher in front of a real session whose runs take as long as their input says, or until the test lets them."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper

import onnxmodels
from gpux_predictor.batching.batcher import Batcher, Limits
from gpux_predictor.batching.item import Result
from gpux_predictor.batching.plan import Plan
from gpux_predictor.batching.runner import Runner
from gpux_predictor.engine.options import Device
from gpux_predictor.engine.session import Session, run_options

node = helper.make_node
X = frozenset({"x"})


def spinning_graph(path: Path) -> Path:
    """x float32 [n, 1] -> y = x, after sum(x) iterations of a loop of about a microsecond each; negative x is refused."""
    body = helper.make_graph(
        [node("Identity", ["go_on"], ["go_on_out"]), node("Cos", ["state"], ["state_out"])],
        "body",
        [onnxmodels.tensor("i", "int64", []), onnxmodels.tensor("go_on", "bool", []), onnxmodels.tensor("state", "float32", [])],
        [onnxmodels.tensor("go_on_out", "bool", []), onnxmodels.tensor("state_out", "float32", [])],
    )  # fmt: skip
    nodes = [
        node("ReduceMin", ["x"], ["least"], keepdims=0),
        node("Less", ["least", "zero"], ["bad"]),
        node("Cast", ["bad"], ["index"], to=7),
        node("Gather", ["one_row", "index"], ["checked"]),
        node("ReduceSum", ["x"], ["sum"], keepdims=0),
        node("Mul", ["sum", "checked"], ["total"]),
        node("Cast", ["total"], ["count"], to=7),
        node("Loop", ["count", "yes", "zero"], ["spun"], body=body),
        node("Mul", ["spun", "zero"], ["nothing"]),
        node("Add", ["x", "nothing"], ["y"]),
    ]
    constants = {
        "zero": np.array(0, np.float32),
        "one_row": np.ones(1, np.float32),
        "yes": np.array(True),
    }
    x, y = (onnxmodels.tensor(name, "float32", ["n", 1]) for name in ("x", "y"))
    return onnxmodels.save(path, nodes, [x], [y], constants)


def spinning(folder: Path) -> Session:
    """A session on a `spinning_graph`."""
    return Session(spinning_graph(folder / "spin.onnx"), "cpu", Device())


class Setup:
    """A batcher on a session, and the rows of each of its runs. `hold` lets a test do things while one is sure to run."""

    def __init__(self, session: Session, plan: Plan, limits: Limits) -> None:
        self.runs: list[list[float]] = []
        self._held: threading.Semaphore | None = None

        def run(feeds: Any, options: Any) -> dict[str, Any]:
            self.runs.append(feeds["x"].ravel().tolist())
            if self._held is not None:
                self._held.acquire(timeout=60)
            return session.run(["y"], feeds, options)

        self.batcher = Batcher(Runner(run, plan), plan, run_options, limits)

    async def ask(self, *values: float, seconds: float = 30.0) -> Result:
        deadline = asyncio.get_running_loop().time() + seconds
        return await self.batcher.submit({"x": np.array(values, np.float32)[:, None]}, deadline)

    def start(self, *values: float, seconds: float = 30.0) -> "asyncio.Task[Result]":
        return asyncio.create_task(self.ask(*values, seconds=seconds))

    def hold(self) -> None:
        """Runs that begin from now on wait for `release`."""
        self._held = threading.Semaphore(0)

    def release(self, runs: int = 1) -> None:
        """Lets so many of them go on."""
        assert self._held is not None
        self._held.release(runs)

    def release_all(self) -> None:
        """Lets them go on, and those that come later."""
        self.release(1000)

    async def until(self, waiting: int, running: int) -> None:
        """Returns when so many requests wait and so many run."""
        async with asyncio.timeout(30):
            while self.batcher.depth != (waiting, running):
                await asyncio.sleep(0.001)

    async def begun(self, runs: int = 1) -> None:
        """Returns when so many runs have begun."""
        async with asyncio.timeout(30):
            while len(self.runs) < runs:
                await asyncio.sleep(0.001)

    def behind(self, *values: float) -> "asyncio.Task[Result]":
        """Submits work that nobody waits for."""
        return asyncio.create_task(self.batcher.background.submit({"x": np.array(values, np.float32)[:, None]}))


BUSY = 20_000.0
"""Iterations that keep a run busy for tens of milliseconds."""
HOURS = 1e10
"""Iterations that do not end in a test's time: such a run is stopped, or the test fails."""


def run(setup: Setup, work: Callable[[], Awaitable[None]]) -> None:
    async def guarded() -> None:
        errors: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        await work()
        await asyncio.sleep(0.01)
        assert errors == [], "an exception was lost"
        assert setup.batcher.depth == (0, 0)
        assert setup.batcher.idle

    asyncio.run(guarded())
    setup.batcher.close()
