"""A stop amid callbacks, on a real embedded store: what was leased comes again at once, what was heard is written."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from gpux_predictor.callbacks.address import networks
from gpux_predictor.callbacks.backoff import Backoff
from gpux_predictor.callbacks.sender import Sender
from gpux_predictor.callbacks.signing import Signer
from gpux_predictor.callbacks.target import Allowed
from gpux_predictor.tasks.callback_records import Callback, CallbackOutcome, CallbackState
from gpux_predictor.tasks.callbacks import Callbacks, Teller
from gpux_predictor.tasks.embedded.store import EmbeddedStore
from gpux_predictor.tasks.records import NewTask, Terms
from receivers import answering, receiver
from testcluster.waiting import SOON

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALLOWED = Allowed(networks("127.0.0.0/8"))


class Slow(EmbeddedStore):
    """One whose answers to these two questions come a moment after what they did."""

    leased = settled = 0

    async def due_callbacks(self, most: int, under_way: Sequence[str] = ()) -> list[Callback]:
        found = await super().due_callbacks(most, under_way)
        self.leased += len(found)
        await asyncio.sleep(0.2)
        return found

    async def settle_callbacks(self, outcomes: Sequence[CallbackOutcome]) -> None:
        self.settled += max(len(outcomes), 1)
        await asyncio.sleep(0.2)
        await super().settle_callbacks(outcomes)


def telling(folder: Path, test: Callable[[Slow, Teller, str], Awaitable[None]]) -> None:
    """Runs a test with a task that has ended, a receiver, and what tells it."""

    async def run() -> None:
        store = Slow(folder, Terms())
        await store.open()
        async with receiver(answering(204), "127.0.0.1") as there:
            callback = f"http://127.0.0.1:{there.port}/done"
            submitted = await store.submit(NewTask(b"{}", "application/json", callback=callback))
            await store.cancel(submitted.id)
            callbacks = Callbacks(Sender(Signer(SECRET), ALLOWED, 5.0), ALLOWED, Backoff(10, 3600))
            teller = Teller(store, callbacks)
            teller.start()
            await test(store, teller, submitted.id)
        await store.close()

    asyncio.run(run())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not holds():
            await asyncio.sleep(0.005)


def test_what_was_leased_as_it_stopped_comes_again_at_once(tmp_path: Path) -> None:
    async def test(store: Slow, teller: Teller, task_id: str) -> None:
        await until(lambda: store.leased == 1)
        await teller.stop()
        assert [due.id for due in await store.due_callbacks(1)] == [task_id]

    telling(tmp_path, test)


def test_what_was_heard_is_written_though_it_stops(tmp_path: Path) -> None:
    async def test(store: Slow, teller: Teller, task_id: str) -> None:
        await until(lambda: store.settled == 1)
        await teller.stop()
        callback = (await store.get(task_id)).callback
        assert callback is not None
        assert (callback.state, callback.attempts) == (CallbackState.DELIVERED, 1)

    telling(tmp_path, test)


def test_a_stop_with_nothing_under_way_asks_the_store_nothing(tmp_path: Path) -> None:
    async def test(store: Slow, teller: Teller, task_id: str) -> None:
        await until(lambda: store.settled == 1)
        await asyncio.sleep(0.5)
        await teller.stop()
        assert store.settled == 1

    telling(tmp_path, test)
