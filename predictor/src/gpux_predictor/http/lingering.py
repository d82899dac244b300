"""uvicorn's HTTP protocol, which lets go of clients that keep a connection open before it closes one.

Told to end, uvicorn closes each idle connection at once. A request that is on its way then is lost, and its client cannot know
whether it was run; over a Service, whose connections outlive the pod's place in it, that is each busy client. Here connections stay
for a moment, and the answer to the next request on one says `Connection: close`.
"""

from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Lingering(HttpToolsProtocol):
    """A connection.

    Attributes:
        linger_seconds: how long an idle connection stays when the server ends; 0: not at all. Of all connections.
    """

    linger_seconds: ClassVar[float] = 0.0
    ending = False
    """Whether the next answer is this connection's last."""

    def shutdown(self) -> None:
        """The server ends."""
        if self.ending or not self.linger_seconds:
            super().shutdown()
            return
        self.ending = True
        if self.cycle is not None and not self.cycle.response_complete:
            super().shutdown()  # its answer says so
        else:
            self.loop.call_later(self.linger_seconds, self._close_idle)

    def on_headers_complete(self) -> None:
        """Begins a request."""
        super().on_headers_complete()
        if self.ending and self.cycle is not None:
            self.cycle.keep_alive = False

    def _close_idle(self) -> None:
        if not self.transport.is_closing():
            self.shutdown()
