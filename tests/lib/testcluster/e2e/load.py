"""Callers of a model who go on while something changes below it."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from testcluster.e2e.cluster import Cluster

RATE = 50
"""Requests a second."""


class Load:
    """Requests at a fixed rate over connections that stay open, whatever becomes of those before.

    Args:
        cluster: where they are sent from.
        url: `http://host:port` of an ingress or a Service.
        host: the model's own name.
        body: of each request to /predict.

    Attributes:
        outcomes: how many requests ended with each status; the error of those without an answer.
    """

    def __init__(self, cluster: Cluster, url: str, host: str, body: object) -> None:
        self._cluster, self._url, self._host, self._body = cluster, url, host, body
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: cluster.call(lambda: asyncio.run(self._send())), daemon=True)
        self.outcomes: Counter[str] = Counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sends while the block runs and two seconds longer; all have their answers, or none, when it is left."""
        self._thread.start()
        try:
            yield
            time.sleep(2)
        finally:
            self._stop.set()
            self._thread.join(60)

    async def _send(self) -> None:
        started, sent = time.monotonic(), 0
        waiting: set[asyncio.Task[None]] = set()
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=60)
        async with httpx.AsyncClient(base_url=self._url, limits=limits, timeout=30, trust_env=False) as client:
            while not self._stop.is_set():
                task = asyncio.create_task(self._ask(client))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                sent += 1
                await asyncio.sleep(max(started + sent / RATE - time.monotonic(), 0))
            await asyncio.gather(*waiting)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        try:
            answer = await client.post("/predict", json=self._body, headers={"Host": self._host})
            self.outcomes[str(answer.status_code)] += 1
        except httpx.HTTPError as error:
            self.outcomes[repr(error)] += 1
