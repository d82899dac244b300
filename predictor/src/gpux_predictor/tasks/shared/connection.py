"""The connections to Redis, scripts over them, and what goes wrong on the way."""

import logging
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError, OutOfMemoryError, RedisError, ResponseError, TimeoutError

from gpux_predictor.tasks.store import StoreFull, StoreUnavailable

logger = logging.getLogger(__name__)
_CONNECTIONS = 16
_TIMEOUT_SECONDS = 10.0


class Connection:
    """Redis, for the tasks of one model.

    Args:
        url: redis://, rediss:// or unix://.
        prefix: of all keys.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self._prefix = prefix
        self._asked, self._work = _client(url), _client(url)
        self._scripts: dict[tuple[str, bool], AsyncScript] = {}

    async def secret(self, new: bytes) -> bytes:
        """The secret of the ids: what is there, or `new` from now on.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        name = f"{self._prefix}:id_key"
        try:
            await self._asked.set(name, new, nx=True)
            return cast("bytes", await self._asked.get(name))
        except Exception as error:  # an option of the URL that the client does not know is a TypeError
            raise _unavailable(error) from None

    async def close(self) -> None:
        """Closes the connections."""
        for client in (self._asked, self._work):
            await client.aclose(close_connection_pool=True)

    async def run(self, script: str, *args: Any, work: bool = False, again: bool = True) -> Any:  # noqa: ANN401  (what Lua returns)
        """Runs a script.

        Args:
            work: on the connections of those who work, which no number of polls keeps busy.
            again: a second time where the connection breaks, which may have been an old one.

        Raises:
            StoreFull: Redis has no memory left.
            StoreUnavailable: it does not answer.
        """
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

    async def warn_unless_durable(self) -> None:
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
