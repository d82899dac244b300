"""Requests on a pool of connections: plain JSON in and out, a timeout on each, and what an answer means."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from gpux_operator.build.metadata import MANAGER
from gpux_operator.kube.api import Manifest, Resource
from gpux_operator.kube.errors import NotLeading, TooManyRequests, Transient, from_response
from gpux_operator.kube.login import Connection
from gpux_operator.kube.pauses import Pauses


@dataclass(frozen=True)
class Patience:
    """How long requests may take.

    Args:
        timeouts: of one request.
        longest_pause: seconds that a 429 may ask for.
    """

    timeouts: urllib3.Timeout
    longest_pause: float


USUAL = Patience(urllib3.Timeout(connect=5.0, read=30.0), 300.0)
SHORT = Patience(urllib3.Timeout(connect=1.5, read=3.0), 2.0)
"""For the lease: two requests end within its renew deadline, and a 429 does not cost the leadership."""

Count = Callable[[str, str, str], None]
"""Told of every request: its verb, the resource and the response's code (or `error`)."""

_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-f]+>:? ?")
"""urllib3 prints its objects: noise, and another one each time."""


@dataclass(frozen=True)
class Request:
    """One request, and what it is counted as."""

    verb: str
    method: str
    resource: Resource
    path: str
    query: dict[str, str] | None = None
    body: Manifest | None = None
    content_type: str = "application/json"


def _pool(connection: Connection) -> urllib3.PoolManager:
    settings: dict[str, Any] = {
        "maxsize": 64,  # the most workers there can be
        "cert_reqs": "CERT_REQUIRED" if connection.verify else "CERT_NONE",
        "ca_certs": connection.ca_path,
        "cert_file": connection.certificate_path,
        "key_file": connection.private_key_path,
    }
    return urllib3.ProxyManager(connection.proxy, **settings) if connection.proxy else urllib3.PoolManager(**settings)


class Transport:
    """Sends requests to the API server at the end of a connection. Safe to use from many threads.

    Args:
        connection: see `kube.login`.
        count: told of every request.
        may_write: asked before every request that writes; NotLeading is raised where it says no.
        saw: told the version of each single object that was read or written.
        patience: how long requests may take.
    """

    def __init__(
        self,
        connection: Connection,
        count: Count = lambda verb, resource, code: None,
        may_write: Callable[[], bool] = lambda: True,
        saw: Callable[[str], None] = lambda version: None,
        *,
        patience: Patience = USUAL,
    ) -> None:
        self._connection = connection
        self._pool = _pool(connection)
        self._count = count
        self._may_write = may_write
        self._saw = saw
        self._timeouts = patience.timeouts
        self._pauses = Pauses(patience.longest_pause)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def answer(self, request: Request) -> Manifest:
        """The answer's object; raises the ApiError of the response, Transient if there is none."""
        self._pauses.check(request.method, request.path)
        code = "none"
        try:
            response = self._send(request)
            code = str(response.status)
        except urllib3.exceptions.HTTPError as error:
            raise Transient(f"{request.method} {request.path}: {_ADDRESS.sub('', str(error))}") from error
        finally:
            self._count(request.verb, request.resource.plural, code)
        if not 200 <= response.status < 300:
            refusal = from_response(response.status, response.data, response.headers.get("Retry-After"))
            if isinstance(refusal, TooManyRequests):
                self._pauses.begin(request.method, request.path, refusal.retry_after)
            raise refusal
        try:
            answer: Manifest = json.loads(response.data)
        except ValueError:
            raise Transient(f"{request.method} {request.path}: the answer is no JSON") from None
        if request.verb not in {"list", "discover", "delete"}:
            self._saw(answer.get("metadata", {}).get("resourceVersion", ""))
        return answer

    def _send(self, request: Request) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": MANAGER}
        if authorization := self._connection.authorization():
            headers["Authorization"] = authorization
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        body = None if request.body is None else json.dumps(request.body).encode()
        query = urlencode({name: value for name, value in (request.query or {}).items() if value})
        if request.method != "GET" and not self._may_write():
            raise NotLeading(f"{request.method} {request.path}: not sent, another replica may lead")
        response: urllib3.BaseHTTPResponse = self._pool.request(
            request.method,
            f"{self._connection.server}{request.path}" + (f"?{query}" if query else ""),
            body=body,
            headers=headers,
            timeout=self._timeouts,
            retries=False,
        )
        return response
