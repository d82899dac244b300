"""The shared store: Redis, which any replica asks about any task."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from gpux_predictor.tasks.callback_records import (
    CALLBACK_SECONDS,
    CALLBACKS_KEPT_FREE,
    CALLBACKS_LOOKED_AT,
    CALLBACKS_OF_A_HOST,
    NOTICE_SECONDS,
    Callback,
    CallbackOutcome,
)
from gpux_predictor.tasks.ids import new_id, new_key, no_such_task
from gpux_predictor.tasks.records import (
    Appetite,
    Claimed,
    Counts,
    NewTask,
    Outcome,
    Page,
    State,
    Submitted,
    Task,
    Terms,
)
from gpux_predictor.tasks.shared import answers, scripts
from gpux_predictor.tasks.shared.connection import Connection
from gpux_predictor.tasks.store import (
    CANCELLED,
    KeyReused,
    QueueFull,
    StoreFull,
    StoreUnavailable,
    died,
    full,
    no_room,
    reused,
)


class SharedStore:
    """Tasks in Redis; a `TaskStore`.

    Args:
        url: redis://, rediss:// or unix://.
        name: tells the tasks of one model from others' in the same Redis.
        terms: what it holds to.
    """

    local = False

    def __init__(self, url: str, name: str, terms: Terms) -> None:
        self._terms = terms
        self._redis = Connection(url, f"{{gpux:{name}}}")
        self._key = b""

    async def open(self) -> None:
        """Finds Redis and the secret of the ids.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        self._key = await self._redis.secret(new_key())
        await self._redis.warn_unless_durable()

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.close()

    async def submit(self, task: NewTask) -> Submitted:
        """See TaskStore."""
        digest = (await asyncio.to_thread(task.digest)).hex() if task.key else ""
        terms = self._terms
        kind, found, position = await self._run(
            scripts.SUBMIT,
            new_id(self._key),
            task.body,
            task.content_type,
            task.key or "",
            digest,
            task.callback or "",
            terms.most_queued,
            terms.most_bytes,
            task.trace or "",
        )
        if kind == b"full":
            raise QueueFull(full(terms.most_queued))
        if kind == b"room":
            raise StoreFull(no_room(terms.most_bytes))
        if kind == b"reused":
            raise KeyReused(reused(task.key or ""))
        return Submitted(found.decode(), int(position), fresh=kind == b"new")

    async def claim(self, worker: str, appetite: Appetite) -> list[Claimed]:
        """See TaskStore."""
        wanted = (appetite.tasks, appetite.bytes, int(appetite.idle))
        rows = await self._run(scripts.CLAIM, worker, *wanted, self._terms.lease_seconds, work=True, again=False)
        return answers.claimed(rows)

    async def renew(self, worker: str, ids: Collection[str]) -> set[str]:
        """See TaskStore."""
        lost = await self._run(scripts.RENEW, worker, self._terms.lease_seconds, *ids, work=True)
        return {task_id.decode() for task_id in lost}

    async def finish(self, worker: str, outcomes: Sequence[Outcome]) -> None:
        """See TaskStore."""
        flat: list[Any] = []
        for outcome in outcomes:
            failed = outcome.result is None
            content = outcome.error if failed else outcome.result
            flat += [outcome.id, outcome.attempt, "error" if failed else "result", content, int(outcome.again)]
        terms = self._terms
        await self._run(scripts.FINISH, worker, terms.most_attempts, terms.result_seconds, *flat, work=True)

    async def release(self, worker: str, ids: Collection[str]) -> None:
        """See TaskStore."""
        await self._run(scripts.RELEASE, worker, *ids, work=True)

    async def recover(self, worker: str, held: Collection[str]) -> None:
        """See TaskStore."""
        await self._run(scripts.RECOVER, worker, *held, work=True)

    async def get(self, task_id: str) -> Task:
        """See TaskStore."""
        row = await self._run(scripts.ONE, task_id)
        if row is None:
            raise no_such_task(self._key, task_id)
        return answers.task(row)

    async def cancel(self, task_id: str) -> Task:
        """See TaskStore."""
        await self._run(scripts.CANCEL, task_id, CANCELLED, self._terms.result_seconds)
        return await self.get(task_id)

    async def page(self, states: Collection[State], after: str | None, most: int) -> Page:
        """See TaskStore."""
        found = await self._run(scripts.PAGE, after or "", most, *states)
        if found is None:
            raise no_such_task(self._key, after or "")
        last, rows = found
        return Page([answers.task(row) for row in rows], last.decode() or None)

    async def counts(self) -> Counts:
        """See TaskStore."""
        return answers.counts(await self._run(scripts.COUNTS))

    async def sweep(self) -> bool:
        """See TaskStore."""
        terms = self._terms
        wanted = (terms.most_attempts, terms.result_seconds, died(terms.most_attempts), NOTICE_SECONDS)
        return bool(await self._run(scripts.SWEEP, *wanted, work=True))

    async def due_callbacks(self, most: int, under_way: Sequence[str] = ()) -> list[Callback]:
        """See TaskStore."""
        wanted = (most, CALLBACK_SECONDS, CALLBACKS_OF_A_HOST, CALLBACKS_KEPT_FREE, CALLBACKS_LOOKED_AT)
        return answers.callbacks(await self._run(scripts.DUE, *wanted, *under_way, work=True, again=False))

    async def settle_callbacks(self, outcomes: Sequence[CallbackOutcome]) -> None:
        """See TaskStore."""
        flat: list[Any] = []
        for outcome in outcomes:
            again = "" if outcome.again_in is None else outcome.again_in
            flat += [outcome.id, outcome.attempt, outcome.error or "", again]
        await self._run(scripts.SETTLE, *flat, work=True)

    async def _run(self, script: str, *args: Any, work: bool = False, again: bool = True) -> Any:  # noqa: ANN401  (what Lua returns)
        if not self._key:
            raise StoreUnavailable("The store of tasks is not open")
        return await self._redis.run(script, *args, work=work, again=again)
