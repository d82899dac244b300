"""GETs predictors in their pods, by the pods' own addresses: no permission in the cluster is needed for it."""

import json
import time
from typing import Any

import urllib3

from gpux_operator.build.metadata import MANAGER

TIMEOUT_SECONDS = 2.0
_MAX_BYTES = 4 * 2**20
_ANSWERS = {200, 503}
"""/health of a predictor that isn't ready is a 503."""


class Http:
    """Plain HTTP, one connection a request, no proxy and no redirect: what answers may be anybody's image."""

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout_seconds
        self._pool = urllib3.PoolManager(num_pools=16, headers={"User-Agent": MANAGER, "Connection": "close"})

    def fetch(self, address: str, path: str) -> dict[str, Any] | None:
        """The JSON object at a path of `host:port`; None if none comes in time, for whatever reason."""
        deadline = time.monotonic() + self._timeout
        try:
            response = self._pool.request(
                "GET",
                f"http://{address}{path}",
                timeout=urllib3.Timeout(self._timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            with response:
                body = self._body(response, deadline) if response.status in _ANSWERS else None
            found = json.loads(body) if body is not None else None
        except (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @staticmethod
    def _body(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes | None:
        """All of it; None where it is too long, or trickles."""
        parts: list[bytes] = []
        while part := response.read1(2**16):
            parts.append(part)
            if sum(map(len, parts)) > _MAX_BYTES or time.monotonic() > deadline:
                return None
        return b"".join(parts)
