"""A worker's tasks, of which some are taken away and come back."""

import asyncio
from typing import cast

from gpux_predictor.tasks.pacing import Gaps
from gpux_predictor.tasks.records import Claimed, Outcome
from gpux_predictor.tasks.runs import Runs
from gpux_predictor.tasks.store import TaskStore
from gpux_predictor.tasks.worker import Worker


class SlowToStop:
    """Runs that go on until they are cancelled, and then need a moment to end."""

    def __init__(self) -> None:
        self.running: list[int] = []

    def at_once(self, task: Claimed) -> Outcome | None:
        return None

    async def run(self, task: Claimed) -> Outcome:
        self.running.append(task.attempt)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            self.running.remove(task.attempt)
        raise AssertionError


def test_a_task_that_is_taken_anew_can_be_dropped_again() -> None:
    """The end of its dropped run comes after the new one has begun."""

    async def test() -> None:
        runs = SlowToStop()
        worker = Worker("w", cast(TaskStore, None), cast(Runs, runs), cast(Gaps, None), 15.0, lambda _: None)
        for attempt in (1, 2):
            task = Claimed("t", attempt, b"{}", "application/json")
            worker._held[task.id] = task
            worker._begin(task)
            await asyncio.sleep(0)
            if attempt == 1:
                worker.drop(["t"])
        await asyncio.sleep(0.1)
        assert runs.running == [2], "the first run has ended, the second goes on"
        worker.drop(["t"])
        await asyncio.sleep(0.1)
        assert runs.running == []

    asyncio.run(test())
