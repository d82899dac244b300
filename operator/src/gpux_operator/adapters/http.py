"""GETs predictors in their pods, by the pods' own addresses: no permission in the cluster is needed for it."""

import http.client
import json
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

from gpux_operator.build.metadata import MANAGER

TIMEOUT_SECONDS = 2.0
_MAX_BYTES = 4 * 2**20
_ANSWERS = {200, 503}
"""/health of a predictor that isn't ready is a 503."""
_HEADERS = {"Accept": "application/json", "User-Agent": MANAGER, "Connection": "close"}


class Http:
    """HTTP, one connection a request, no proxy and no redirect: what answers may be anybody's image.

    Over TLS no certificate is verified, as the kubelet's probes don't: it is for a Service's name, and the pod's address is asked.
    Nothing is sent that is worth stealing, and what is heard goes into the status of the model that is asked about.
    """

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout_seconds
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def fetch(self, address: str, path: str) -> dict[str, Any] | None:
        """The JSON object at a path of `http://host:port` or `https://`; None if none comes in time, for whatever reason."""
        connection = self._connection(address)
        try:
            body = self._get(connection, path)
            found = json.loads(body) if body is not None else None
        except (http.client.HTTPException, OSError, ValueError, RecursionError):
            return None
        finally:
            connection.close()
        return found if isinstance(found, dict) else None

    def _connection(self, address: str) -> http.client.HTTPConnection:
        scheme, _, where = address.partition("://")
        if scheme == "https":
            return http.client.HTTPSConnection(where, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(where, timeout=self._timeout)

    def _get(self, connection: http.client.HTTPConnection, path: str) -> bytes | None:
        """The body; None if it is too long, or cut off. A socket's own time-out is for each read, so one that trickles is cut off."""
        connection.connect()
        end = threading.Timer(self._timeout, _shut, [connection.sock])
        end.start()
        try:
            connection.request("GET", path, headers=_HEADERS)
            response = connection.getresponse()
            body = response.read(_MAX_BYTES + 1) if response.status in _ANSWERS else None
        finally:
            end.cancel()
        return body if body is not None and len(body) <= _MAX_BYTES and not response.length else None


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        connected.shutdown(socket.SHUT_RDWR)
