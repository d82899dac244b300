"""The shared store: Redis, which any replica asks about any task."""

import logging
from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from gpux_predictor.tasks.ids import new_id, new_key, no_such_task
from gpux_predictor.tasks.records import (
    Appetite,
    Callback,
    CallbackOutcome,
    Claimed,
    Counts,
    NewTask,
    Outcome,
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
CALLBACK_SECONDS = 120.0
"""After which a notice of which nothing was heard is sent again."""
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
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=5.0,
            health_check_interval=30,
            retry=Retry(NoBackoff(), 1),
        )
        self._redis = Redis(connection_pool=pool)
        self._scripts: dict[str, AsyncScript] = {}
        self._key = b""

    async def open(self) -> None:
        """Finds Redis and the secret of the ids.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        name = f"{self._prefix}:id_key"
        try:
            await self._redis.set(name, new_key(), nx=True)
            self._key = cast("bytes", await self._redis.get(name))
        except (RedisError, OSError) as error:
            raise _unavailable(error) from None
        await self._warn_unless_durable()

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose(close_connection_pool=True)

    async def submit(self, task: NewTask) -> Submitted:
        """See TaskStore."""
        digest = sha256(task.content_type.encode() + b"\0" + task.body).hexdigest() if task.key else ""
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
        rows = await self._run(
            scripts.CLAIM, worker, appetite.tasks, appetite.bytes, int(appetite.idle), self._terms.lease_seconds
        )
        return answers.claimed(rows)

    async def renew(self, worker: str, ids: Collection[str]) -> set[str]:
        """See TaskStore."""
        return {lost.decode() for lost in await self._run(scripts.RENEW, worker, self._terms.lease_seconds, *ids)}

    async def finish(self, worker: str, outcomes: Sequence[Outcome]) -> None:
        """See TaskStore."""
        flat: list[Any] = []
        for outcome in outcomes:
            failed = outcome.result is None
            content = outcome.error if failed else outcome.result
            flat += [outcome.id, outcome.attempt, "error" if failed else "result", content, int(outcome.again)]
        await self._run(scripts.FINISH, worker, self._terms.most_attempts, self._terms.result_seconds, *flat)

    async def release(self, worker: str, ids: Collection[str]) -> None:
        """See TaskStore."""
        await self._run(scripts.RELEASE, worker, *ids)

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

    async def page(self, states: Collection[State], after: str | None, most: int) -> list[Task]:
        """See TaskStore."""
        rows = await self._run(scripts.PAGE, after or "", most, *states)
        if rows is None:
            raise no_such_task(self._key, after or "")
        return [answers.task(row) for row in rows]

    async def counts(self) -> Counts:
        """See TaskStore."""
        return answers.counts(await self._run(scripts.COUNTS))

    async def sweep(self) -> None:
        """See TaskStore."""
        terms = self._terms
        await self._run(scripts.SWEEP, terms.most_attempts, terms.result_seconds, died(terms.most_attempts))

    async def due_callbacks(self, most: int) -> list[Callback]:
        """See TaskStore."""
        rows = await self._run(scripts.DUE, most, CALLBACK_SECONDS)
        return [Callback(task_id.decode(), url.decode(), int(attempt)) for task_id, url, attempt in rows]

    async def settle_callbacks(self, outcomes: Sequence[CallbackOutcome]) -> None:
        """See TaskStore."""
        flat: list[Any] = []
        for outcome in outcomes:
            again = "" if outcome.again_in is None else outcome.again_in
            flat += [outcome.id, outcome.attempt, outcome.error or "", again]
        await self._run(scripts.SETTLE, *flat)

    async def _run(self, script: str, *args: Any) -> Any:  # noqa: ANN401  (what Lua returns)
        if not self._key:
            raise StoreUnavailable("The store of tasks is not open")
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = self._redis.register_script(script)
        try:
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
            if (await self._redis.config_get("appendonly")).get("appendonly") == "no":
                logger.warning("Redis runs without appendonly: tasks are lost if it dies")
        except (RedisError, OSError):
            logger.debug("Redis does not say whether it keeps an append-only file")


def _unavailable(error: Exception) -> StoreUnavailable:
    """What callers are told; only the log has the text, which names hosts."""
    logger.warning("Redis: %s: %s", type(error).__name__, error)
    return StoreUnavailable(f"The store of tasks does not answer ({type(error).__name__}): what it holds is safe")
