"""The shared store: Redis, which any replica asks about any task."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError, OutOfMemoryError, RedisError, ResponseError, TimeoutError

from gpux_predictor.tasks.ids import new_id, new_key, no_such_task
from gpux_predictor.tasks.records import (
    CALLBACK_SECONDS,
    CALLBACKS_LOOKED_AT,
    CALLBACKS_OF_A_HOST,
    NOTICE_SECONDS,
    Appetite,
    Callback,
    CallbackOutcome,
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

logger = logging.getLogger(__name__)
_CONNECTIONS = 16
_TIMEOUT_SECONDS = 10.0


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
        self._prefix = f"{{gpux:{name}}}"
        self._asked, self._work = _client(url), _client(url)
        self._scripts: dict[tuple[str, bool], AsyncScript] = {}
        self._key = b""

    async def open(self) -> None:
        """Finds Redis and the secret of the ids.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        name = f"{self._prefix}:id_key"
        try:
            await self._asked.set(name, new_key(), nx=True)
            self._key = cast("bytes", await self._asked.get(name))
        except Exception as error:  # an option of the URL that the client does not know is a TypeError
            raise _unavailable(error) from None
        await self._warn_unless_durable()

    async def close(self) -> None:
        """Closes the connections."""
        for client in (self._asked, self._work):
            await client.aclose(close_connection_pool=True)

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
        wanted = (most, CALLBACK_SECONDS, CALLBACKS_OF_A_HOST, CALLBACKS_LOOKED_AT)
        return answers.callbacks(await self._run(scripts.DUE, *wanted, *under_way, work=True, again=False))

    async def settle_callbacks(self, outcomes: Sequence[CallbackOutcome]) -> None:
        """See TaskStore."""
        flat: list[Any] = []
        for outcome in outcomes:
            again = "" if outcome.again_in is None else outcome.again_in
            flat += [outcome.id, outcome.attempt, outcome.error or "", again]
        await self._run(scripts.SETTLE, *flat, work=True)

    async def _run(self, script: str, *args: Any, work: bool = False, again: bool = True) -> Any:  # noqa: ANN401  (what Lua returns)
        """Runs a script.

        Args:
            work: on the connections of those who work, which no number of polls keeps busy.
            again: a second time where the connection breaks, which may have been an old one.
        """
        if not self._key:
            raise StoreUnavailable("The store of tasks is not open")
        registered = self._scripts.get((script, work))
        if registered is None:
            client = self._work if work else self._asked
            registered = self._scripts[script, work] = client.register_script(script)
        try:
            try:
                return await registered(keys=[self._prefix], args=args)
            except (ConnectionError, TimeoutError):
                if not again:
                    raise
                return await registered(keys=[self._prefix], args=args)
        except (OutOfMemoryError, ResponseError) as error:
            if "OOM" in str(error):
                raise StoreFull("Redis has no memory left for tasks: nothing that was accepted is lost") from None
            raise _unavailable(error) from None
        except (RedisError, OSError) as error:
            raise _unavailable(error) from None

    async def _warn_unless_durable(self) -> None:
        """Redis without an append-only file forgets tasks that it has accepted when it dies; managed ones may not tell."""
        try:
            if (await self._asked.config_get("appendonly")).get("appendonly") == "no":
                logger.warning("Redis runs without appendonly: tasks are lost if it dies")
            policy = (await self._asked.config_get("maxmemory-policy")).get("maxmemory-policy", "noeviction")
            if policy != "noeviction":
                logger.warning("Redis runs with maxmemory-policy %s: it may throw tasks away, set noeviction", policy)
        except (RedisError, OSError):
            logger.debug("Redis does not say whether it keeps an append-only file")


def _client(url: str) -> "Redis":
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_TIMEOUT_SECONDS,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=5.0,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis(connection_pool=pool)


def _unavailable(error: Exception) -> StoreUnavailable:
    """What callers are told; only the log has the text, which names hosts."""
    logger.warning("Redis: %s: %s", type(error).__name__, error)
    return StoreUnavailable(f"The store of tasks does not answer ({type(error).__name__}): what it holds is safe")
