"""uvicorn's HTTP protocol with a shorter way for small bodies to /predict of a quick model.

Half of such a request's time goes into what ASGI needs: a task, an event, two messages, headers that are looked through again.
Here the answer is written when the last byte of the body has been parsed. Everything else is replayed into uvicorn's own callbacks,
which begin only then: larger bodies, other paths, pipelined requests, a model that has to queue.

It stands on the callbacks of `uvicorn.protocols.http.httptools_impl.HttpToolsProtocol` (0.54), which the constraints pin.
"""

from collections.abc import Callable
from time import perf_counter

from gpux_predictor import metrics
from gpux_predictor.http.cross_origin import OWN, SITE
from gpux_predictor.http.gathering import Gathering
from gpux_predictor.serving.at_once import MOST_BYTES

_PATHS = (b"/predict", b"/predict/")
_LINE = b"HTTP/1.1 200 OK\r\n"


class Shortcut(Gathering):
    """A connection.

    Attributes:
        at_once: answers a JSON body, or leaves it to the application.
    """

    at_once: Callable[[bytes], tuple[bytes, bytes] | None]
    _held: list[bytes] | None = None
    """The body of a request that may go the short way; None for all others."""
    _size = 0
    _more = b""
    """Further lines of the answer's head."""

    def on_headers_complete(self) -> None:
        """Holds a request that may go the short way."""
        self._unset_keepalive_if_required()  # of a short answer to the request before it in the same segment
        if self.url in _PATHS and self.parser.get_method() == b"POST" and self._is_plain():
            self._end_head()
            self._held, self._size = [], 0
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Holds its body, up to the size that comes in one piece."""
        if self._held is None:
            super().on_body(body)
            return
        self._held.append(body)
        self._size += len(body)
        if self._size > MOST_BYTES:  # larger ones come in pieces, which uvicorn's flow control is for
            self._replay()

    def on_message_complete(self) -> None:
        """Answers it, or replays what was held."""
        if self._held is None:
            super().on_message_complete()
            return
        started = perf_counter()
        found = self.at_once(self._held[0] if len(self._held) == 1 else b"".join(self._held))
        if found is None:
            self._replay()
            super().on_message_complete()
            return
        self._held = None
        self._answer(*found)
        metrics.answered(200, perf_counter() - started)

    def shutdown(self) -> None:
        """A request that has begun is answered before the connection closes."""
        if self._held is not None:
            self._replay()
        super().shutdown()

    def _is_plain(self) -> bool:
        """JSON of a program, or of a page of ours, on a connection that waits for nothing else."""
        if self.expect_100_continue or self.flow.write_paused or self.parser.should_upgrade():
            return False
        if self.cycle is not None and not self.cycle.response_complete:
            return False
        for name, value in self.headers:
            if (name == b"content-type" and value != b"application/json") or (name == SITE and value not in OWN):
                return False
        return True

    def _replay(self) -> None:
        """Hands the request over to uvicorn, as far as it has come."""
        held, self._held = self._held, None
        self._begin()  # the head ended when it was held
        for body in held or ():
            super().on_body(body)

    def _answer(self, content: bytes, timing: bytes) -> None:
        keep_alive = not self.ending and self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        parts = [_LINE]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(
            b"content-type: application/json\r\nserver-timing: %b\r\ncontent-length: %d\r\n%b%b\r\n"
            % (timing, len(content), self._more, b"" if keep_alive else b"connection: close\r\n")
        )
        parts.append(content)
        self.transport.write(b"".join(parts))
        self.server_state.total_requests += 1
        if keep_alive:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self.transport.close()
