"""The queue in front of a real session: order, limits, deadlines, who leaves, and who is refused."""

import asyncio
import gc
import time
import weakref

import numpy as np
import pytest

from batchinglab import BUSY, HOURS, Setup, X, run, spinning
from gpux_predictor.batching.admission import Pace, admit
from gpux_predictor.batching.batcher import Limits
from gpux_predictor.batching.item import Result
from gpux_predictor.batching.plan import Plan
from gpux_predictor.engine.curve import Curve, Point
from gpux_predictor.engine.session import Session
from gpux_predictor.errors import BadRequest, DeadlineExceeded, TooManyRequests


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return spinning(tmp_path_factory.mktemp("spin"))


def test_first_come_first_served_up_to_the_limit(session: Session) -> None:
    setup = Setup(session, Plan(X, 4), Limits())

    async def work() -> None:
        setup.hold()
        tasks = [setup.start(BUSY)]
        await setup.until(0, 1)
        tasks += [setup.start(float(i)) for i in range(1, 11)] + [setup.start(11, 12, 13, 14, 15)]
        await setup.until(11, 1)
        setup.release_all()
        results = await asyncio.gather(*tasks)
        assert [result.outputs["y"].ravel().tolist() for result in results[1:11]] == [[float(i)] for i in range(1, 11)]
        assert results[11].outputs["y"].ravel().tolist() == [11, 12, 13, 14, 15]
        assert [result.timing.rows for result in results] == [1, *[4] * 8, 2, 2, 5]

    run(setup, work)
    assert setup.runs == [[BUSY], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10], [11, 12, 13, 14, 15]]


def test_inputs_go_with_their_answer(session: Session) -> None:
    """Not when the garbage collector comes: inputs of megabytes would pile up until then, each in fresh memory of the kernel's."""
    setup = Setup(session, Plan(X, 4), Limits())

    async def work() -> None:
        array = np.ones((1, 1), np.float32)
        alive = weakref.ref(array)
        task = asyncio.create_task(setup.batcher.submit({"x": array}, asyncio.get_running_loop().time() + 30))
        del array
        await task
        del task
        assert alive() is None

    gc.disable()
    try:
        run(setup, work)
    finally:
        gc.enable()


def test_a_poisoned_batch(session: Session) -> None:
    setup = Setup(session, Plan(X, 16), Limits())

    async def work() -> None:
        setup.hold()
        tasks = [setup.start(BUSY)]
        await setup.until(0, 1)
        tasks += [setup.start(-1.0 if i == 6 else float(i)) for i in range(16)]
        await setup.until(16, 1)
        setup.release_all()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [i for i, result in enumerate(results) if isinstance(result, BaseException)] == [7]
        assert isinstance(results[7], BadRequest)
        assert [r.outputs["y"].item() for r in results[1:] if isinstance(r, Result)] == [i for i in range(16) if i != 6]

    run(setup, work)
    assert len(setup.runs) == 2 + 8


def test_who_leaves_the_queue_does_not_run(session: Session) -> None:
    setup = Setup(session, Plan(X, 8), Limits())

    async def work() -> None:
        setup.hold()
        first = setup.start(BUSY)
        await setup.until(0, 1)
        tasks = [setup.start(float(i), seconds=0.005 if i == 2 else 30) for i in range(1, 5)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await setup.until(2, 1)
        setup.release_all()
        results = await asyncio.gather(first, *tasks, return_exceptions=True)
        assert [type(result) for result in results] == [
            Result, Result, DeadlineExceeded, asyncio.CancelledError, Result,
        ]  # fmt: skip

    run(setup, work)
    assert setup.runs == [[BUSY], [1, 4]]


def test_a_run_that_nobody_waits_for_is_stopped(session: Session) -> None:
    setup = Setup(session, Plan(X, 2), Limits())

    async def work() -> None:
        before = time.monotonic()
        for stop in ("cancel", "deadline"):
            task = setup.start(HOURS, seconds=0.5 if stop == "deadline" else 60)
            await setup.until(0, 1)
            if stop == "cancel":
                task.cancel()
            with pytest.raises((asyncio.CancelledError, DeadlineExceeded)):
                await task
            assert (await setup.ask(1.0)).outputs["y"].item() == 1
        assert time.monotonic() - before < 60

    run(setup, work)


def test_a_run_that_somebody_waits_for_goes_on(session: Session) -> None:
    setup = Setup(session, Plan(X, 2), Limits())

    async def work() -> None:
        setup.hold()
        first = setup.start(BUSY)
        await setup.until(0, 1)
        leaves, stays = setup.start(BUSY), setup.start(BUSY)
        await setup.until(2, 1)
        setup.release()
        await first
        await setup.until(0, 2)
        leaves.cancel()
        setup.release_all()
        result = await stays
        assert (result.outputs["y"].item(), result.timing.rows) == (BUSY, 2)
        assert leaves.cancelled()

    run(setup, work)
    assert setup.runs == [[BUSY], [BUSY, BUSY]]


def test_two_runs_in_flight(session: Session) -> None:
    setup = Setup(session, Plan(X, 1), Limits(in_flight=2))

    async def work() -> None:
        setup.hold()
        tasks = [setup.start(BUSY) for _ in range(4)]
        await setup.until(2, 2)
        setup.release_all()
        await asyncio.gather(*tasks)

    run(setup, work)


def test_the_delay_is_that_of_the_oldest(session: Session) -> None:
    """A request that has waited behind a run does not wait again."""
    setup = Setup(session, Plan(X, 4), Limits(max_delay=1.0))

    async def work() -> None:
        alone = await setup.ask(1.0)
        assert 0.95 < alone.timing.queue < 1.9
        started = time.monotonic()
        await asyncio.gather(*(setup.ask(1.0) for _ in range(4)))
        assert time.monotonic() - started < 0.9, "a full batch goes at once"
        setup.hold()
        busy = [setup.start(1.0) for _ in range(4)]
        await setup.until(0, 4)
        waits = setup.start(2.0)
        await asyncio.sleep(1.1)
        assert setup.batcher.depth == (1, 4)
        setup.release_all()
        await asyncio.gather(*busy)
        started = time.monotonic()
        await waits
        assert time.monotonic() - started < 0.9

    run(setup, work)


COST = Curve((Point(1, 10.0), Point(8, 80.0)), 1)
"""Of runs that in truth take milliseconds: what is expected decides, not this machine."""


def test_refused_only_when_it_would_be_late(session: Session) -> None:
    setup = Setup(session, Plan(X, 1, COST), Limits())

    async def work() -> None:
        idle = await setup.ask(1.0, seconds=5.0)
        assert idle.outputs["y"].item() == 1, "an idle server takes what it may not finish in time"
        setup.batcher._pace.factor = 1.0
        setup.hold()
        tasks = [setup.start(BUSY, seconds=107.0) for _ in range(20)]
        await setup.until(7, 1)
        setup.release_all()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        refused = [result for result in results if isinstance(result, TooManyRequests)]
        assert len(refused) == 12, "8 of 10 s go into eight tenths of 107 s"
        assert {error.retry_after_seconds for error in refused} == {5}
        assert "take 80.0 s, too long for its deadline: try again in 5 s" in refused[0].detail

    run(setup, work)


def test_runs_beside_each_other_take_longer(session: Session) -> None:
    """Two in flight share the cores: together they do what was measured, and each takes twice as long."""
    setup = Setup(session, Plan(X, 1, COST), Limits(in_flight=2))

    async def work() -> None:
        setup.hold()
        tasks = [setup.start(BUSY, seconds=107.0) for _ in range(20)]
        await setup.until(5, 2)
        now = asyncio.get_running_loop().time()
        assert setup.batcher.expect(now) == pytest.approx(70, abs=5)
        setup.release_all()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(result, TooManyRequests) for result in results) == 13

    run(setup, work)


def test_a_full_queue(session: Session) -> None:
    setup = Setup(session, Plan(X, 1), Limits(most_waiting=2))

    async def work() -> None:
        tasks = [setup.start(BUSY) for _ in range(5)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        refused = [result for result in results if isinstance(result, TooManyRequests)]
        assert len(refused) == 2
        assert "2 requests wait already (runtime.queue.maxRequests): try again in 1 s" in refused[0].detail

    run(setup, work)


def test_costs_that_no_trial_measured_are_learnt(session: Session) -> None:
    """Without that a graph on which nothing made-up runs would let everybody in and answer 504."""
    setup = Setup(session, Plan(X, 1), Limits())

    async def work() -> None:
        started = time.monotonic()
        await setup.ask(BUSY)
        took = time.monotonic() - started
        tasks = [setup.start(BUSY, seconds=10 * took) for _ in range(40)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(result, TooManyRequests) for result in results) >= 20
        assert any(isinstance(result, Result) for result in results)

    run(setup, work)


@pytest.mark.parametrize(("seconds", "rows"), [(30.0, 8), (5.5, 4), (3.0, 2), (1.6, 1), (0.8, 8)])
def test_a_batch_ends_before_the_deadline_of_its_oldest(seconds: float, rows: int, session: Session) -> None:
    """A full batch of 8 is expected to take 8 s; what cannot be in time even alone makes no small batches for those behind it."""
    setup = Setup(session, Plan(X, 8, Curve((Point(1, 1.0), Point(8, 8.0)), 1)), Limits())

    async def work() -> None:
        setup.hold()
        first = setup.start(BUSY)
        await setup.until(0, 1)
        setup.batcher._pace.factor = 1e-6  # admission is not what is tested: all are let in
        tasks = [setup.start(float(i), seconds=seconds) for i in range(1, 9)]
        await asyncio.sleep(0)
        setup.batcher._pace.factor = 1.0
        setup.batcher._pace.learn = lambda expected, took: None  # type: ignore[method-assign]
        setup.release_all()
        await asyncio.gather(first, *tasks, return_exceptions=True)

    run(setup, work)
    assert len(setup.runs[1]) == rows


def test_pace() -> None:
    pace = Pace()
    pace.learn(0.0, 0.5)
    assert (pace.factor, pace.seconds) == (1.0, 0.5)
    for _ in range(4):
        pace.learn(0.1, 0.2)
    assert pace.factor > 1.9, "what got slower is believed at once"
    pace.learn(0.1, 1e6)
    assert pace.factor < 12, "one run that hung says little of the next"
    for _ in range(60):
        pace.learn(0.1, 0.1)
    assert pace.factor == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    ("wait", "run_seconds", "remaining", "later"),
    [(0.0, 100.0, 1.0, None), (0.5, 0.1, 1.0, None), (0.9, 0.1, 1.0, 1), (10.0, 1.0, 1.0, 11), (3.0, 0.0, 1.0, 3)],
)
def test_retry_after(wait: float, run_seconds: float, remaining: float, later: int | None) -> None:
    if later is None:
        admit(wait, run_seconds, remaining, 5, None)
        return
    with pytest.raises(TooManyRequests) as refused:
        admit(wait, run_seconds, remaining, 5, None)
    assert refused.value.retry_after_seconds == later
    assert refused.value.detail.endswith(f"try again in {later} s")


def test_many_of_random_kinds(session: Session) -> None:
    """Hundreds of requests that leave, fail, are late or large: each gets its own answer, and nothing is left over."""
    setup = Setup(session, Plan(X, 8), Limits(in_flight=2))
    random = np.random.default_rng(0)

    async def one(number: int) -> None:
        kind = random.choice(["fine", "fine", "fine", "large", "guilty", "leaves", "late", "empty"])
        rows = {"large": 12, "empty": 0}.get(str(kind), int(random.integers(1, 4)))
        values = [float(number + row) for row in range(rows)]
        await asyncio.sleep(float(random.random()) * 0.3)
        if kind == "guilty":
            with pytest.raises(BadRequest):
                await setup.ask(*values[:-1], -1.0)
        elif kind == "leaves":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await setup.ask(*values, seconds=5)
        elif kind == "late":
            try:
                await setup.ask(*values, seconds=0.001)
            except (DeadlineExceeded, TooManyRequests):
                return
        else:
            result = await setup.ask(*values)
            assert result.outputs["y"].ravel().tolist() == values

    async def work() -> None:
        await asyncio.gather(*(one(number) for number in range(400)))
        while not setup.batcher.idle:
            await asyncio.sleep(0.001)

    run(setup, work)
    assert max(len(rows) for rows in setup.runs) >= 2
