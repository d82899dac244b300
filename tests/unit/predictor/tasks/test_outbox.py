"""Ends on their way to a store that refuses some of them."""

import asyncio
from collections.abc import Collection, Sequence

from gpux_predictor.tasks import outbox
from gpux_predictor.tasks.outbox import Outbox
from gpux_predictor.tasks.rate import Rate
from gpux_predictor.tasks.records import Outcome
from gpux_predictor.tasks.store import StoreUnavailable


def run(refused: Collection[str], outcomes: Sequence[Outcome]) -> tuple[list[str], list[list[str]]]:
    """The ids that are written, once all others are and the refused ones were tried alone; and all that was tried."""
    written: list[str] = []
    tried: list[list[str]] = []

    async def write(group: Sequence[Outcome]) -> None:
        tried.append([outcome.id for outcome in group])
        if any(outcome.id in refused for outcome in group):
            raise StoreUnavailable("too large")

    async def test() -> None:
        box = Outbox(write, lambda group: written.extend(outcome.id for outcome in group))
        box.start()
        for outcome in outcomes:
            box.put(outcome)
        async with asyncio.timeout(60):
            while len(written) < len(outcomes) - len(refused) or any([one] not in tried for one in refused):
                await asyncio.sleep(0.01)
        assert box._loop is not None
        box._loop.cancel()

    asyncio.run(test())
    return written, tried


def test_one_that_is_never_written_holds_up_no_other() -> None:
    outcomes = [Outcome(str(i), 1, b"1") for i in range(6)]
    written, tried = run({"2"}, outcomes)
    assert sorted(written) == ["0", "1", "3", "4", "5"]
    assert tried[0] == ["0", "1", "2", "3", "4", "5"]
    assert ["2"] in tried


def test_groups_are_bounded_in_bytes() -> None:
    outcomes = [Outcome(str(i), 1, bytes(6 * 2**20)) for i in range(5)]
    written, tried = run((), outcomes)
    assert written == ["0", "1", "2", "3", "4"]
    assert [len(group) for group in tried] == [2, 2, 1]


def test_a_result_that_no_store_takes_is_an_error() -> None:
    assert outbox.MOST_RESULT_BYTES == 128 * 2**20
    box = Outbox(lambda _: asyncio.sleep(0), lambda _: None)
    box.put(Outcome("a", 1, bytes(outbox.MOST_RESULT_BYTES + 1)))
    [outcome] = box._waiting
    assert outcome.result is None
    assert outcome.error == "The result is larger than 134217728 bytes: submit fewer samples at once"


def test_an_idle_night_is_no_part_of_the_rate() -> None:
    now = 0.0
    rate = Rate(lambda: now)
    assert rate.per_second() == 0
    now = 30_000.0
    for _ in range(20):
        now += 0.1
        rate.ended(100)
    assert 900 < rate.per_second() < 1200
    for _ in range(200):
        now += 0.1
        rate.ended(10)
    assert 80 < rate.per_second() < 120
    now += 60
    rate.ended(1)
    assert 80 < rate.per_second() < 120
