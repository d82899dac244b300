"""Long polls on a real store."""

import asyncio
import time
from pathlib import Path

from gpux_predictor.tasks.embedded.store import EmbeddedStore
from gpux_predictor.tasks.records import Appetite, NewTask, Outcome, State, Terms
from gpux_predictor.tasks.waiting import Waiting

ME = "worker-1"


def test_an_attempt_that_is_followed_by_another_ends_no_wait(tmp_path: Path) -> None:
    async def test() -> None:
        store = EmbeddedStore(tmp_path, Terms())
        await store.open()
        waiting = Waiting(store)
        submitted = await store.submit(NewTask(b"1", "application/json"))
        poll = asyncio.create_task(waiting.wait(submitted.id, 30))
        await store.claim(ME, Appetite(1))
        await store.finish(ME, [Outcome(submitted.id, 1, None, "no memory", again=True)])
        waiting.ended([submitted.id])
        await asyncio.sleep(0.1)
        assert not poll.done()
        await store.claim(ME, Appetite(1))
        await store.finish(ME, [Outcome(submitted.id, 2, b"2")])
        waiting.ended([submitted.id])
        assert (await asyncio.wait_for(poll, 5)).state is State.SUCCEEDED
        await store.close()

    asyncio.run(test())


def test_waits_of_one_task_end_each_in_its_time_and_leave_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        store = EmbeddedStore(tmp_path, Terms())
        await store.open()
        waiting = Waiting(store)
        submitted = await store.submit(NewTask(b"1", "application/json"))
        started = time.monotonic()
        short, long = (asyncio.create_task(waiting.wait(submitted.id, seconds)) for seconds in (0.2, 30))
        assert (await short).state is State.QUEUED
        assert 0.2 <= time.monotonic() - started < 10
        waiting.stop()
        assert (await asyncio.wait_for(long, 10)).state is State.QUEUED
        assert (await asyncio.wait_for(waiting.wait(submitted.id, 30), 10)).state is State.QUEUED
        assert not waiting._events
        await store.close()

    asyncio.run(test())
