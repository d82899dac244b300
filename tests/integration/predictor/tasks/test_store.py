"""The contract of a task store, held by SQLite on a disk and by a real Redis."""

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest
from redis import Redis as RedisClient

from gpux_predictor.tasks.callback_records import (
    CALLBACKS_KEPT_FREE,
    CALLBACKS_LOOKED_AT,
    CALLBACKS_OF_A_HOST,
    CallbackOutcome,
    CallbackState,
    CallbackStatus,
)
from gpux_predictor.tasks.embedded.store import EmbeddedStore
from gpux_predictor.tasks.records import Appetite, NewTask, Outcome, State, Terms
from gpux_predictor.tasks.shared.store import SharedStore
from gpux_predictor.tasks.store import (
    CANCELLED,
    KeyReused,
    NoSuchTask,
    QueueFull,
    StoreFull,
    StoreUnavailable,
    TaskStore,
)
from redisserver import RedisServer

T = TypeVar("T")
Test = Callable[[TaskStore], Awaitable[T]]
TERMS = Terms(most_queued=20, most_attempts=3, result_seconds=60, most_bytes=10_000, lease_seconds=60)
BODY = NewTask(b'{"x": 1}', "application/json")
ME = "worker-1"


@dataclass
class Kind:
    """A store of one kind, made anew for each test; `again` is another process's view of the same tasks."""

    name: str
    folder: Path
    url: str
    model: str

    def store(self, terms: Terms = TERMS) -> TaskStore:
        if self.name == "embedded":
            return EmbeddedStore(self.folder, terms)
        return SharedStore(self.url, self.model, terms)

    def run(self, test: Test[T], terms: Terms = TERMS) -> T:
        async def inner() -> T:
            store = self.store(terms)
            await store.open()
            try:
                return await test(store)
            finally:
                await store.close()

        return asyncio.run(inner())


@pytest.fixture(params=["embedded", "redis"])
def kind(request: pytest.FixtureRequest, tmp_path: Path, redis: RedisServer) -> Kind:
    return Kind(request.param, tmp_path, redis.url, secrets.token_hex(8))


def test_a_task_goes_from_submission_to_its_result(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await store.submit(BODY)
        assert submitted.position == 1
        task = await store.get(submitted.id)
        assert (task.state, task.attempts, task.result, task.error) == (State.QUEUED, 0, None, None)
        [claimed] = await store.claim(ME, Appetite(10))
        assert (claimed.id, claimed.attempt, claimed.body, claimed.content_type) == (
            submitted.id, 1, BODY.body, BODY.content_type,
        )  # fmt: skip
        assert (await store.get(claimed.id)).state is State.RUNNING
        await store.finish(ME, [Outcome(claimed.id, 1, b'{"y": 2}')])
        task = await store.get(claimed.id)
        assert (task.state, task.attempts, task.result, task.error) == (State.SUCCEEDED, 1, b'{"y": 2}', None)
        assert task.started is not None
        assert task.ended is not None
        assert task.submitted <= task.started <= task.ended

    kind.run(test)


def test_what_was_accepted_outlives_the_process(kind: Kind) -> None:
    async def submit(store: TaskStore) -> str:
        return (await store.submit(BODY)).id

    task_id = kind.run(submit)
    assert kind.run(lambda store: store.get(task_id)).state is State.QUEUED
    [claimed] = kind.run(lambda store: store.claim(ME, Appetite(1)))
    assert claimed.body == BODY.body


def test_tasks_are_claimed_in_their_order_and_by_one_worker_only(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        ids = [(await store.submit(BODY)).id for _ in range(9)]
        found = await asyncio.gather(*(store.claim(f"w{i}", Appetite(3)) for i in range(4)))
        assert sorted(len(claimed) for claimed in found) == [0, 3, 3, 3]
        assert sorted(claimed.id for group in found for claimed in group) == sorted(ids)
        first = next(group for group in found if group and group[0].id == ids[0])
        assert [claimed.id for claimed in first] == ids[:3]

    kind.run(test)


def test_a_claim_takes_no_more_bytes_than_asked_but_always_one(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        for _ in range(3):
            await store.submit(replace(BODY, body=b"x" * 1000))
        assert len(await store.claim(ME, Appetite(10, 10))) == 1
        assert len(await store.claim(ME, Appetite(10, 2000))) == 2

    kind.run(test)


def test_many_submissions_at_once_are_all_there(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        found = await asyncio.gather(*(store.submit(BODY) for _ in range(300)))
        assert len({submitted.id for submitted in found}) == 300
        assert sorted(submitted.position for submitted in found) == list(range(1, 301))
        assert (await store.counts()).states[State.QUEUED] == 300

    kind.run(test, replace(TERMS, most_queued=1000))


def test_more_than_may_wait_are_refused(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        for _ in range(20):
            await store.submit(BODY)
        with pytest.raises(QueueFull, match="20 tasks wait already"):
            await store.submit(BODY)
        await store.claim(ME, Appetite(1))
        assert (await store.submit(BODY)).position == 20

    kind.run(test)


def test_more_bytes_than_fit_are_refused_until_results_expire(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        await store.submit(replace(BODY, body=b"x" * 9_990))
        with pytest.raises(StoreFull, match="10000 bytes"):
            await store.submit(replace(BODY, body=b"x" * 20))
        [claimed] = await store.claim(ME, Appetite(1))
        await store.finish(ME, [Outcome(claimed.id, 1, b"r" * 9_000)])
        assert (await store.counts()).bytes == 9_000
        with pytest.raises(StoreFull):
            await store.submit(replace(BODY, body=b"x" * 1_500))
        await asyncio.sleep(1.1)
        await store.sweep()
        await store.submit(replace(BODY, body=b"x" * 1_500))
        assert (await store.counts()).bytes == 1_500

    kind.run(test, replace(TERMS, result_seconds=1))


def test_one_key_is_one_task(kind: Kind) -> None:
    keyed = replace(BODY, key="order-7")

    async def test(store: TaskStore) -> None:
        first = await store.submit(keyed)
        again = await store.submit(keyed)
        assert (first.fresh, again.fresh, again.id, again.position) == (True, False, first.id, 1)
        with pytest.raises(KeyReused, match="order-7"):
            await store.submit(replace(keyed, body=b"{}"))
        with pytest.raises(KeyReused):
            await store.submit(replace(keyed, content_type="image/png"))
        other = await store.submit(replace(keyed, key="order-8"))
        assert other.id != first.id
        await store.claim(ME, Appetite(1))
        await store.finish(ME, [Outcome(first.id, 1, b"1")])
        assert (await store.submit(keyed)).id == first.id

    kind.run(test)


def test_a_key_is_free_again_once_its_task_has_expired(kind: Kind) -> None:
    keyed = replace(BODY, key="order-7")

    async def test(store: TaskStore) -> None:
        first = await store.submit(keyed)
        await store.cancel(first.id)
        await asyncio.sleep(0.15)
        await store.sweep()
        assert (await store.submit(keyed)).id != first.id

    kind.run(test, replace(TERMS, result_seconds=0.1))


def test_a_key_of_an_expired_task_is_free_before_the_sweep(kind: Kind) -> None:
    keyed = replace(BODY, key="order-7")

    async def test(store: TaskStore) -> None:
        first = await store.submit(keyed)
        await store.cancel(first.id)
        await asyncio.sleep(0.15)
        second = await store.submit(replace(keyed, body=b"{}"))
        assert second.fresh
        await store.sweep()
        assert (await store.submit(replace(keyed, body=b"{}"))).id == second.id

    kind.run(test, replace(TERMS, result_seconds=0.1))


def test_what_is_leased_without_the_workers_knowledge_is_given_back(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        ids = [(await store.submit(BODY)).id for _ in range(3)]
        await store.claim(ME, Appetite(2))
        await store.claim("other", Appetite(1))
        await store.recover(ME, [ids[0]])
        states = [(task.state, task.attempts) for task in [await store.get(task_id) for task_id in ids]]
        assert states == [(State.RUNNING, 1), (State.QUEUED, 0), (State.RUNNING, 1)]

    kind.run(test)


def test_a_sweep_says_whether_there_may_be_more(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await asyncio.gather(*(store.submit(BODY) for _ in range(2500)))
        await asyncio.gather(*(store.cancel(one.id) for one in submitted))
        await asyncio.sleep(2.1)
        sweeps = 0
        while await store.sweep():
            sweeps += 1
        assert sweeps >= 2
        assert sum((await store.counts()).states.values()) == 0

    kind.run(test, replace(TERMS, most_queued=5000, most_bytes=2**30, result_seconds=2))


def test_a_lease_that_runs_out_gives_the_task_to_another_and_the_first_can_no_longer_end_it(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await store.submit(BODY)
        await store.claim("dead", Appetite(1))
        await asyncio.sleep(0.15)
        await store.sweep()
        [claimed] = await store.claim(ME, Appetite(1))
        assert (claimed.id, claimed.attempt) == (submitted.id, 2)
        await store.finish("dead", [Outcome(submitted.id, 1, b'"late"')])
        assert (await store.get(submitted.id)).state is State.RUNNING
        assert await store.renew("dead", [submitted.id]) == {submitted.id}
        await store.finish(ME, [Outcome(submitted.id, 2, b'"mine"')])
        await store.finish(ME, [Outcome(submitted.id, 2, None, "twice")])
        assert (await store.get(submitted.id)).result == b'"mine"'

    kind.run(test, replace(TERMS, lease_seconds=0.1))


def test_the_same_workers_older_attempt_does_not_end_the_newer(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await store.submit(BODY)
        await store.claim(ME, Appetite(1))
        await asyncio.sleep(0.15)
        await store.sweep()
        await store.claim(ME, Appetite(1))
        await store.finish(ME, [Outcome(submitted.id, 1, b'"old"')])
        assert (await store.get(submitted.id)).state is State.RUNNING

    kind.run(test, replace(TERMS, lease_seconds=0.1))


def test_a_renewed_lease_stays(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await store.submit(BODY)
        await store.claim(ME, Appetite(1))
        for _ in range(5):
            await asyncio.sleep(0.5)
            assert await store.renew(ME, [submitted.id]) == set()
            await store.sweep()
        assert (await store.get(submitted.id)).state is State.RUNNING

    kind.run(test, replace(TERMS, lease_seconds=2))


def test_a_task_whose_workers_die_each_time_fails_with_the_reason(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await store.submit(BODY)
        for attempt in (1, 2, 3):
            [claimed] = await store.claim("dying", Appetite(1))
            assert claimed.attempt == attempt
            await asyncio.sleep(0.1)
            await store.sweep()
        task = await store.get(submitted.id)
        assert task.state is State.FAILED
        assert task.error == "The predictor died or was cut off 3 times while this task ran (spec.async.maxAttempts: 3)"
        assert await store.claim(ME, Appetite(1)) == []

    kind.run(test, replace(TERMS, lease_seconds=0.05))


def test_a_task_that_saw_its_worker_die_comes_alone_and_only_to_the_idle(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        ids = [(await store.submit(BODY)).id for _ in range(4)]
        await store.claim("dead", Appetite(2))
        await asyncio.sleep(0.1)
        await store.sweep()
        assert await store.claim(ME, Appetite(10, idle=False)) == []
        assert [claimed.id for claimed in await store.claim(ME, Appetite(10))] == ids[:1]
        assert [claimed.id for claimed in await store.claim(ME, Appetite(10))] == ids[1:2]
        assert [claimed.id for claimed in await store.claim(ME, Appetite(10, idle=False))] == ids[2:]

    kind.run(test, replace(TERMS, lease_seconds=0.05))


def test_an_error_that_may_go_away_is_tried_again_at_its_old_place(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        first, second = [(await store.submit(BODY)).id for _ in range(2)]
        await store.claim(ME, Appetite(1))
        await store.finish(ME, [Outcome(first, 1, None, "no memory", again=True)])
        task = await store.get(first)
        assert (task.state, task.error, task.attempts) == (State.QUEUED, None, 1)
        assert [claimed.id for claimed in await store.claim(ME, Appetite(1))] == [first]
        await store.finish(ME, [Outcome(first, 2, None, "no memory", again=True)])
        await store.claim(ME, Appetite(1))
        await store.finish(ME, [Outcome(first, 3, None, "no memory", again=True)])
        task = await store.get(first)
        assert (task.state, task.error, task.attempts) == (State.FAILED, "no memory", 3)
        assert [claimed.id for claimed in await store.claim(ME, Appetite(1))] == [second]

    kind.run(test)


def test_what_is_given_back_does_not_count_as_an_attempt(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await store.submit(BODY)
        await store.claim(ME, Appetite(1))
        await store.release("other", [submitted.id])
        assert (await store.get(submitted.id)).state is State.RUNNING
        await store.release(ME, [submitted.id])
        task = await store.get(submitted.id)
        assert (task.state, task.attempts, task.started) == (State.QUEUED, 0, None)
        [claimed] = await store.claim(ME, Appetite(1))
        assert claimed.attempt == 1

    kind.run(test)


def test_cancelling_ends_what_waits_and_what_runs_and_nothing_else(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        waiting, running, done = [(await store.submit(BODY)).id for _ in range(3)]
        cancelled = await store.cancel(waiting)
        assert (cancelled.state, cancelled.error) == (State.FAILED, CANCELLED)
        assert {claimed.id for claimed in await store.claim(ME, Appetite(5))} == {running, done}
        await store.cancel(running)
        assert await store.renew(ME, [running, done]) == {running}
        await store.finish(ME, [Outcome(running, 1, b"1"), Outcome(done, 1, b"2")])
        assert (await store.get(running)).error == CANCELLED
        assert (await store.cancel(done)).result == b"2"
        assert (await store.counts()).states[State.QUEUED] == 0
        with pytest.raises(NoSuchTask):
            await store.cancel("nothing")

    kind.run(test)


def test_unknown_and_expired_are_told_apart_also_after_the_sweep_and_by_others(kind: Kind) -> None:
    async def expire(store: TaskStore) -> str:
        submitted = await store.submit(BODY)
        await store.claim(ME, Appetite(1))
        await store.finish(ME, [Outcome(submitted.id, 1, b"1")])
        await asyncio.sleep(0.15)
        with pytest.raises(NoSuchTask, match="has expired"):
            await store.get(submitted.id)
        await store.sweep()
        assert sum((await store.counts()).states.values()) == 0
        return submitted.id

    async def ask(store: TaskStore) -> None:
        with pytest.raises(NoSuchTask, match="has expired: results are kept for spec.async.resultTTLSeconds"):
            await store.get(expired)
        guess = f"{int(expired[0], 16) ^ 1:x}{expired[1:]}"
        for unknown in (guess, "abc-123-def-456", "", "ü", expired[:-2]):
            with pytest.raises(NoSuchTask, match="Unknown task"):
                await store.get(unknown)

    expired = kind.run(expire, replace(TERMS, result_seconds=0.1))
    kind.run(ask)


def test_pages_show_the_newest_first_without_results(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        ids = [(await store.submit(BODY)).id for _ in range(7)]
        await store.claim(ME, Appetite(2))
        await store.finish(ME, [Outcome(ids[0], 1, b"1"), Outcome(ids[1], 1, None, "bad")])
        first = await store.page(list(State), None, 3)
        assert [task.id for task in first.tasks] == ids[:3:-1]
        assert first.after == ids[4]
        second = await store.page(list(State), first.after, 10)
        assert [task.id for task in second.tasks] == ids[3::-1]
        assert second.after is None
        assert all(task.result is None for task in second.tasks)
        ended = await store.page([State.SUCCEEDED, State.FAILED], None, 10)
        assert [task.id for task in ended.tasks] == [ids[1], ids[0]]
        with pytest.raises(NoSuchTask):
            await store.page(list(State), "nothing", 3)

    kind.run(test)


def test_counts_tell_the_states_and_the_age_of_the_oldest(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        assert sum((await store.counts()).states.values()) == 0
        ids = [(await store.submit(BODY)).id for _ in range(5)]
        await store.claim(ME, Appetite(3))
        await store.finish(ME, [Outcome(ids[0], 1, b"1"), Outcome(ids[1], 1, None, "bad")])
        await asyncio.sleep(0.2)
        counts = await store.counts()
        assert counts.states == {State.QUEUED: 2, State.RUNNING: 1, State.SUCCEEDED: 1, State.FAILED: 1}
        assert 0.2 <= counts.oldest_seconds < 5
        assert counts.bytes == 3 * len(BODY.body) + 1

    kind.run(test)


def test_bodies_and_results_are_bytes_of_any_kind_and_size(kind: Kind) -> None:
    body, result = secrets.token_bytes(10 * 2**20), secrets.token_bytes(2**20)

    async def test(store: TaskStore) -> None:
        submitted = await store.submit(NewTask(body, "multipart/form-data; boundary=ä"))
        [claimed] = await store.claim(ME, Appetite(1))
        assert claimed.body == body
        assert claimed.content_type == "multipart/form-data; boundary=ä"
        await store.finish(ME, [Outcome(submitted.id, 1, result)])
        assert (await store.get(submitted.id)).result == result

    kind.run(test, replace(TERMS, most_bytes=2**30))


def test_a_notice_is_due_once_its_task_has_ended_and_until_it_is_settled(kind: Kind) -> None:
    noticed = replace(BODY, callback="https://example.com/hook")

    async def test(store: TaskStore) -> None:
        submitted = await store.submit(noticed)
        quiet = await store.submit(BODY)
        assert (await store.get(quiet.id)).callback is None
        assert (await store.get(submitted.id)).callback == CallbackStatus(noticed.callback or "", CallbackState.WAITING)
        assert await store.due_callbacks(10) == []
        await store.claim(ME, Appetite(2))
        await store.finish(ME, [Outcome(submitted.id, 1, b"1"), Outcome(quiet.id, 1, b"1")])
        [due] = await store.due_callbacks(10)
        assert (due.id, due.url, due.attempt) == (submitted.id, noticed.callback, 1)
        assert await store.due_callbacks(10) == []
        await store.settle_callbacks([CallbackOutcome(due.id, 1, "503", again_in=0.1)])
        status = (await store.get(submitted.id)).callback
        assert status == CallbackStatus(due.url, CallbackState.PENDING, 1, "503")
        await asyncio.sleep(0.15)
        [due] = await store.due_callbacks(10)
        assert due.attempt == 2
        await store.settle_callbacks([CallbackOutcome(due.id, 1, None)])  # the first attempt's, late
        await store.settle_callbacks([CallbackOutcome(due.id, 2, None)])
        status = (await store.get(submitted.id)).callback
        assert status == CallbackStatus(due.url, CallbackState.DELIVERED, 2)

    kind.run(test)


def test_a_notice_that_is_given_up_says_why(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await store.submit(replace(BODY, callback="https://example.com/hook"))
        await store.cancel(submitted.id)
        [due] = await store.due_callbacks(10)
        await store.settle_callbacks([CallbackOutcome(due.id, due.attempt, "410 Gone")])
        assert (await store.get(submitted.id)).callback == CallbackStatus(due.url, CallbackState.FAILED, 1, "410 Gone")
        assert await store.due_callbacks(10) == []

    kind.run(test)


def test_a_task_is_kept_until_its_notice_is_settled(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        submitted = await store.submit(replace(BODY, callback="https://example.com/hook"))
        await store.cancel(submitted.id)
        await asyncio.sleep(0.1)
        await store.sweep()
        [due] = await store.due_callbacks(10)
        assert sum((await store.counts()).states.values()) == 1
        await store.settle_callbacks([CallbackOutcome(due.id, due.attempt, None)])
        await store.sweep()
        assert sum((await store.counts()).states.values()) == 0

    kind.run(test, replace(TERMS, result_seconds=0.05))


async def _unreliable_worker(store: TaskStore, name: str, ended: dict[str, bytes | str]) -> None:
    for round_ in range(60):
        claimed = await store.claim(name, Appetite(1 + secrets.randbelow(8)))
        if secrets.randbelow(4) == 0:
            continue  # died
        if secrets.randbelow(4) == 0:
            await asyncio.sleep(0.06)  # answers late
        if secrets.randbelow(6) == 0:
            await store.release(name, [task.id for task in claimed])
            continue
        await store.finish(name, [Outcome(task.id, task.attempt, f"{name}-{round_}".encode()) for task in claimed])
        for task in claimed:
            now = await store.get(task.id)
            if now.state in {State.SUCCEEDED, State.FAILED}:
                end = now.result or now.error or ""
                assert ended.setdefault(task.id, end) == end
        await store.sweep()


def test_random_histories_end_each_task_once(kind: Kind) -> None:
    """Two hundred tasks under workers that die, answer late, give back and cancel: each ends once, and stays as it ended."""

    async def test(store: TaskStore) -> None:
        ids = [(await store.submit(BODY)).id for _ in range(200)]
        ended: dict[str, bytes | str] = {}
        await asyncio.gather(*(_unreliable_worker(store, f"w{i}", ended) for i in range(4)))
        while (await store.counts()).states[State.QUEUED] or (await store.counts()).states[State.RUNNING]:
            await asyncio.sleep(0.06)
            await store.sweep()
            await store.finish(ME, [Outcome(t.id, t.attempt, b"last") for t in await store.claim(ME, Appetite(50))])
        for task_id in ids:
            task = await store.get(task_id)
            assert task.state in {State.SUCCEEDED, State.FAILED}
            assert ended.setdefault(task_id, task.result or task.error or "") == (task.result or task.error)
        assert (await store.counts()).states[State.QUEUED] == 0

    kind.run(test, replace(TERMS, most_queued=1000, lease_seconds=0.05))


def test_a_clock_that_is_set_takes_no_task_from_its_worker(tmp_path: Path) -> None:
    now = 1_000_000.0
    store = EmbeddedStore(tmp_path, TERMS, lambda: now)

    async def test() -> None:
        nonlocal now
        await store.open()
        submitted = await store.submit(BODY)
        await store.claim(ME, Appetite(1))
        now += 7200  # a laptop that slept
        await store.sweep()
        assert (await store.get(submitted.id)).state is State.RUNNING
        await store.close()

    asyncio.run(test())


def test_a_store_that_died_while_it_was_made_is_made_anew(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as db:
        db.execute("CREATE TABLE half (made)")
        db.execute("DROP TABLE half")
    db.close()

    async def test() -> None:
        store = EmbeddedStore(tmp_path, TERMS)
        await store.open()
        await store.submit(BODY)
        await store.close()

    asyncio.run(test())


def test_a_change_that_breaks_is_one_callers_and_the_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        store = EmbeddedStore(tmp_path, TERMS)
        await store.open()
        with monkeypatch.context() as patched:
            patched.setattr("gpux_predictor.tasks.embedded.working.claim", lambda *_: 1 / 0)
            with pytest.raises(StoreUnavailable, match="ZeroDivisionError"):
                await store.claim(ME, Appetite(1))
        submitted = await store.submit(BODY)
        assert [claimed.id for claimed in await store.claim(ME, Appetite(1))] == [submitted.id]
        await store.close()

    asyncio.run(test())


@pytest.mark.parametrize("gone", ["task", "body"])
def test_what_redis_has_evicted_stops_no_worker(redis: RedisServer, gone: str) -> None:
    name = secrets.token_hex(8)
    store = SharedStore(redis.url, name, TERMS)

    async def test() -> None:
        await store.open()
        first, second = [await store.submit(BODY) for _ in range(2)]
        with RedisClient.from_url(redis.url) as client:
            assert client.delete(f"{{gpux:{name}}}:{gone}:{first.id}") == 1
        assert [claimed.id for claimed in await store.claim(ME, Appetite(5))] == [second.id]
        with pytest.raises(NoSuchTask):
            await store.get(first.id)
        await store.close()

    asyncio.run(test())


def test_leases_are_renewed_where_redis_has_no_memory_left(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()

    async def test() -> None:
        store = SharedStore(server.url, "full", replace(TERMS, lease_seconds=2))
        await store.open()
        submitted = await store.submit(BODY)
        await store.claim(ME, Appetite(1))
        with RedisClient.from_url(server.url) as client:
            client.config_set("maxmemory", 1)
            with pytest.raises(StoreFull):
                await store.submit(BODY)
            for _ in range(5):
                await asyncio.sleep(0.5)
                assert await store.renew(ME, [submitted.id]) == set()
                await store.sweep()
            await store.finish(ME, [Outcome(submitted.id, 1, b"1")])
            client.config_set("maxmemory", 0)
        assert (await store.get(submitted.id)).state is State.SUCCEEDED
        await store.close()

    try:
        asyncio.run(test())
    finally:
        server.kill()


def test_a_url_with_an_option_that_the_client_does_not_know_is_named(redis: RedisServer) -> None:
    async def test() -> None:
        store = SharedStore(f"{redis.url}?no_such_option=1", "m", TERMS)
        with pytest.raises(StoreUnavailable, match="TypeError"):
            await store.open()

    asyncio.run(test())


def test_an_embedded_store_is_held_by_one_process(tmp_path: Path) -> None:
    async def test() -> None:
        first, second = EmbeddedStore(tmp_path, TERMS), EmbeddedStore(tmp_path, TERMS)
        await first.open()
        with pytest.raises(StoreUnavailable, match="Another process works on the tasks"):
            await second.open()
        await first.close()
        await second.open()
        await second.close()

    asyncio.run(test())


def test_an_embedded_store_takes_back_at_once_what_ran_when_its_process_died(tmp_path: Path) -> None:
    async def first() -> str:
        store = EmbeddedStore(tmp_path, TERMS)
        await store.open()
        submitted = await store.submit(BODY)
        await store.claim(ME, Appetite(1))
        await store.close()
        return submitted.id

    async def second() -> State:
        store = EmbeddedStore(tmp_path, TERMS)
        await store.open()
        found = await store.get(task_id)
        await store.close()
        return found.state

    task_id = asyncio.run(first())
    assert asyncio.run(second()) is State.QUEUED


def test_what_is_no_database_of_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "tasks.sqlite3").write_bytes(b"no database at all, but some text" * 100)

    async def test() -> None:
        store = EmbeddedStore(tmp_path, TERMS)
        with pytest.raises(StoreUnavailable, match="cannot be opened: file is not a database"):
            await store.open()

    asyncio.run(test())


def test_a_redis_that_is_away_is_unavailable_and_then_serves_again(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()

    async def test() -> None:
        store = SharedStore(server.url, "away", TERMS)
        await store.open()
        submitted = await store.submit(BODY)
        server.kill()
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await store.submit(BODY)
        server.start()
        for _ in range(50):
            with suppress(StoreUnavailable):
                assert (await store.get(submitted.id)).state is State.QUEUED
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("Redis is not found again")
        await store.close()

    try:
        asyncio.run(test())
    finally:
        server.kill()


def test_two_models_in_one_redis_do_not_see_each_other(redis: RedisServer) -> None:
    async def test() -> None:
        one, two = (SharedStore(redis.url, name, TERMS) for name in (secrets.token_hex(4), secrets.token_hex(4)))
        await one.open()
        await two.open()
        submitted = await one.submit(BODY)
        assert await two.claim(ME, Appetite(5)) == []
        with pytest.raises(NoSuchTask, match="Unknown"):
            await two.get(submitted.id)
        await one.close()
        await two.close()

    asyncio.run(test())


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_a_days_load_leaves_the_file_bounded(tmp_path: Path) -> None:
    """Twenty tasks a simulated minute, kept for an hour: the file of the second hour is the file of the last."""
    now = 1_000_000.0
    store = EmbeddedStore(tmp_path, replace(TERMS, most_queued=100, most_bytes=2**30, result_seconds=3600), lambda: now)
    sizes = []

    async def test() -> None:
        nonlocal now
        await store.open()
        for minute in range(24 * 60):
            now += 60
            await asyncio.gather(*(store.submit(replace(BODY, body=secrets.token_bytes(2000))) for _ in range(20)))
            claimed = await store.claim(ME, Appetite(100))
            await store.finish(ME, [Outcome(task.id, task.attempt, secrets.token_bytes(1000)) for task in claimed])
            await store.sweep()
            if minute % 60 == 59:
                sizes.append(size_of(tmp_path))
        assert sum((await store.counts()).states.values()) <= 20 * 61
        await store.close()

    asyncio.run(test())
    assert max(sizes[2:]) < 1.1 * sizes[1], sizes


def test_what_has_expired_leaves_redis(redis: RedisServer) -> None:
    """A thousand tasks of 10 KB that were kept for a moment: no key and no byte of them is left."""
    name = secrets.token_hex(8)
    store = SharedStore(redis.url, name, replace(TERMS, most_queued=2000, most_bytes=2**30, result_seconds=0.2))

    async def test() -> None:
        await store.open()
        keyed = [replace(BODY, body=secrets.token_bytes(10_000), key=secrets.token_hex(4)) for _ in range(1000)]
        await asyncio.gather(*(store.submit(task) for task in keyed))
        while claimed := await store.claim(ME, Appetite(200)):
            await store.finish(ME, [Outcome(task.id, task.attempt, b"r" * 1000) for task in claimed])
        assert (await store.counts()).bytes == 1_000_000
        await asyncio.sleep(0.3)
        for _ in range(3):
            await store.sweep()
        assert (await store.counts()).bytes == 0
        await store.close()

    asyncio.run(test())
    with RedisClient.from_url(redis.url) as client:
        left = {key.decode().rpartition(":")[2] for key in client.scan_iter(f"{{gpux:{name}}}:*")}
    assert left <= {"id_key", "seq", "bytes", "failed"}


def test_the_trace_of_a_submission_comes_with_its_claim_and_its_notice(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        noticed = replace(BODY, callback="https://example.com/hook")
        await store.submit(replace(noticed, trace="00-1-2-01"))
        await store.submit(noticed)
        traces = [task.trace for task in await store.claim(ME, Appetite(2))]
        for task in (await store.page([State.RUNNING], None, 2)).tasks:
            await store.cancel(task.id)
        assert traces == ["00-1-2-01", None]
        assert {due.trace for due in await store.due_callbacks(10)} == {"00-1-2-01", None}

    kind.run(test)


def test_a_file_of_the_release_before_is_read_and_stays_one_that_it_reads(tmp_path: Path) -> None:
    async def test(*tasks: NewTask) -> list[str | None]:
        store = EmbeddedStore(tmp_path, TERMS)
        await store.open()
        for task in tasks:
            await store.submit(task)
        traces = [task.trace for task in await store.claim(ME, Appetite(9))] if not tasks else []
        await store.close()
        return traces

    asyncio.run(test(BODY))
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as before:
        for column in ("trace", "telling"):
            before.execute(f"ALTER TABLE tasks DROP COLUMN {column}")
    asyncio.run(test(replace(BODY, trace="00-1-2-01")))
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as before:
        assert before.execute("PRAGMA user_version").fetchone() == (1,), "what it refuses others by"
        columns = {
            name: (needed, default) for _, name, _, needed, default, _ in before.execute("PRAGMA table_info(tasks)")
        }
        assert columns["trace"] == columns["telling"] == (0, None), "it writes rows without them"
    assert asyncio.run(test()) == [None, "00-1-2-01"]


def test_a_notice_that_waits_for_its_next_try_goes_on_waiting_in_the_next_process(tmp_path: Path) -> None:
    async def test() -> None:
        store = EmbeddedStore(tmp_path, TERMS)
        await store.open()
        waiting, cut_off = [await store.submit(replace(BODY, callback="https://example.com/")) for _ in range(2)]
        for submitted in (waiting, cut_off):
            await store.cancel(submitted.id)
        await store.due_callbacks(10)
        await store.settle_callbacks([CallbackOutcome(waiting.id, 1, "503", again_in=60)])
        await store.close()
        await store.open()
        assert [(due.id, due.attempt) for due in await store.due_callbacks(10)] == [(cut_off.id, 1)], (
            "that attempt does not count"
        )
        await store.close()

    asyncio.run(test())


def test_the_notices_of_one_host_leave_room_for_others(kind: Kind) -> None:
    async def test(store: TaskStore) -> None:
        async def ended(url: str) -> str:
            submitted = await store.submit(replace(BODY, callback=url))
            await store.cancel(submitted.id)
            return submitted.id

        for number in range(2 * CALLBACKS_LOOKED_AT):
            await ended(f"https://slow.example?{number}")
        other, newest = await ended("https://slow.example:8443/"), await ended("https://other.example/")
        free = 10 + CALLBACKS_KEPT_FREE
        first = await store.due_callbacks(free)
        hosts = [due.host for due in first]
        assert hosts == ["slow.example"] * CALLBACKS_OF_A_HOST + ["other.example", "slow.example:8443"]
        assert {due.id for due in first[-2:]} == {other, newest}
        assert await store.due_callbacks(CALLBACKS_KEPT_FREE, hosts) == [], "those that are under way count"
        again = await store.due_callbacks(CALLBACKS_KEPT_FREE, hosts[1:])
        assert [due.host for due in again] == ["slow.example"]
        assert again[0].id not in {due.id for due in first}
        more = await store.due_callbacks(24, hosts)
        assert [due.host for due in more] == ["slow.example"] * (24 - CALLBACKS_KEPT_FREE), "nobody else waits"
        assert not {due.id for due in more} & {due.id for due in (*first, *again)}

    kind.run(test, replace(TERMS, most_bytes=2**30))
