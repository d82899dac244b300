"""Work that nobody waits for, in front of a real session: it fills gaps, gives way, and gets on all the same."""

import asyncio
import random
import time

import numpy as np
import pytest

from batchinglab import BUSY, HOURS, Setup, X, run, spinning
from gpux_predictor.batching.background import QUIET_SECONDS
from gpux_predictor.batching.batcher import Limits
from gpux_predictor.batching.item import Result
from gpux_predictor.batching.plan import Plan
from gpux_predictor.engine.session import Session
from gpux_predictor.errors import BadRequest, DeadlineExceeded


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return spinning(tmp_path_factory.mktemp("spin"))


def value(result: object) -> float:
    assert isinstance(result, Result)
    return float(result.outputs["y"].item())


def test_work_runs_in_full_batches_when_nobody_asks(session: Session) -> None:
    setup = Setup(session, Plan(X, 4), Limits())

    async def work() -> None:
        tasks = [setup.behind(float(i)) for i in range(10)]
        assert [value(result) for result in await asyncio.gather(*tasks)] == list(range(10))

    run(setup, work)
    assert sorted(row for rows in setup.runs for row in rows) == list(range(10))
    assert max(len(rows) for rows in setup.runs) == 4


def test_a_request_stops_a_run_whose_work_is_done_later(session: Session) -> None:
    setup = Setup(session, Plan(X, 4), Limits())

    async def work() -> None:
        started = time.perf_counter()
        await setup.behind(50 * BUSY)
        alone = time.perf_counter() - started
        behind = setup.behind(50 * BUSY)
        await setup.begun(2)
        started = time.perf_counter()
        assert value(await setup.ask(1.0)) == 1.0
        assert time.perf_counter() - started < alone / 2, "the request waited for the work"
        assert value(await behind) == 50 * BUSY

    run(setup, work)
    assert setup.runs[1:] == [[50 * BUSY], [1.0], [50 * BUSY]]


def test_what_gave_way_comes_again_in_smaller_batches_and_in_its_order(session: Session) -> None:
    setup = Setup(session, Plan(X, 8), Limits())

    async def work() -> None:
        tasks = [setup.behind(5 * BUSY + i) for i in range(8)]
        await setup.begun()
        await setup.ask(1.0)
        assert [value(result) for result in await asyncio.gather(*tasks)] == [5 * BUSY + i for i in range(8)]

    run(setup, work)
    rows = [[round(row - 5 * BUSY) for row in rows] for rows in setup.runs if rows != [1.0]]
    stopped = next(len(batch) for batch in rows if batch[0] == 0)
    again = rows[[i for i, batch in enumerate(rows) if batch[0] == 0][1]]
    assert len(again) <= max(1, stopped // 2)
    assert again == list(range(len(again)))


def test_a_gap_begins_after_quiet(session: Session) -> None:
    setup = Setup(session, Plan(X, 4), Limits())

    async def work() -> None:
        await setup.ask(1.0)
        answered = time.perf_counter()
        result = await setup.behind(2.0)
        assert time.perf_counter() - answered >= QUIET_SECONDS
        assert result.timing.queue > 0

    run(setup, work)


def test_work_gets_on_under_requests_without_a_gap(session: Session) -> None:
    setup = Setup(session, Plan(X, 4), Limits())

    async def work() -> None:
        stop = asyncio.Event()

        async def asking() -> int:
            asked = 0
            while not stop.is_set():
                await setup.ask(100.0)
                asked += 1
            return asked

        clients = [asyncio.create_task(asking()) for _ in range(3)]
        await asyncio.sleep(0.05)
        tasks = [setup.behind(float(i)) for i in range(5)]
        assert [value(result) for result in await asyncio.gather(*tasks)] == list(range(5))
        stop.set()
        assert sum(await asyncio.gather(*clients)) > 50

    run(setup, work)


def test_a_run_longer_than_any_gap_gets_on_all_the_same(session: Session) -> None:
    setup = Setup(session, Plan(X, 4), Limits())

    async def work() -> None:
        behind, ended = setup.behind(5 * BUSY), time.monotonic() + 60
        while not behind.done():
            assert time.monotonic() < ended, "a minute of requests, and the work has not had its turn"
            await setup.ask(1.0)
            await asyncio.sleep(0.004)
        assert value(await behind) == 5 * BUSY

    run(setup, work)


def test_only_the_guilty_work_fails(session: Session) -> None:
    setup = Setup(session, Plan(X, 8), Limits())

    async def work() -> None:
        tasks = [setup.behind(-1.0 if i == 5 else float(i)) for i in range(8)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [i for i, result in enumerate(results) if isinstance(result, BaseException)] == [5]
        assert isinstance(results[5], BadRequest)

    run(setup, work)


def test_a_run_that_takes_too_long_fails_alone(session: Session) -> None:
    setup = Setup(session, Plan(X, 4), Limits(background_seconds=0.6))

    async def work() -> None:
        tasks = [setup.behind(1.0), setup.behind(HOURS), setup.behind(2.0), setup.behind(3.0)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[1], DeadlineExceeded)
        assert [value(results[i]) for i in (0, 2, 3)] == [1.0, 2.0, 3.0]

    run(setup, work)


def test_who_cancels_stops_the_run_or_leaves_the_queue(session: Session) -> None:
    setup = Setup(session, Plan(X, 1), Limits())

    async def work() -> None:
        running, waiting, stays = setup.behind(HOURS), setup.behind(1.0), setup.behind(2.0)
        await setup.begun()
        running.cancel()
        waiting.cancel()
        async with asyncio.timeout(30):
            assert value(await stays) == 2.0

    run(setup, work)
    assert [1.0] not in setup.runs


def test_requests_are_not_refused_for_work_that_nobody_waits_for(session: Session) -> None:
    setup = Setup(session, Plan(X, 4), Limits(most_waiting=1))

    async def work() -> None:
        tasks = [setup.behind(BUSY) for _ in range(50)]
        await setup.begun()
        now = asyncio.get_running_loop().time()
        assert setup.batcher.idle
        assert setup.batcher.expect(now) == 0.0
        assert value(await setup.ask(1.0, seconds=10)) == 1.0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(setup, work)


def test_many_of_random_kinds(session: Session) -> None:
    """Requests and work of random sizes, some cancelled: each that stays gets its own answer."""
    setup = Setup(session, Plan(X, 8), Limits())
    rng = random.Random(7)

    async def work() -> None:
        async def one(i: int) -> None:
            await asyncio.sleep(rng.random() / 2)
            values = [float(i)] * rng.randint(1, 3)
            behind = rng.random() < 0.6
            task = setup.behind(*values) if behind else setup.start(*values)
            if rng.random() < 0.2:
                await asyncio.sleep(rng.random() / 100)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            else:
                assert np.array_equal((await task).outputs["y"].ravel(), np.array(values, np.float32))

        await asyncio.gather(*(one(i) for i in range(200)))

    run(setup, work)
