"""uvicorn's HTTP protocol, which hands a body of announced length to the application in one piece.

uvicorn wakes the application for each 64 KiB of a body, and stops and resumes the socket around it; for the 600 KB of an image that
costs more than what is done with it. The application here needs whole bodies anyway, so that nothing is held that would not be held.
"""

from gpux_predictor.http.body import MAX_BODY_BYTES
from gpux_predictor.http.lingering import Lingering

_DIGITS = len(str(MAX_BODY_BYTES))


class Gathering(Lingering):
    """A connection."""

    _parts: list[bytes] | None = None
    """The body so far; None where its length is not announced, or too large: the application refuses that at once."""

    def on_headers_complete(self) -> None:
        """Begins the request."""
        self._end_head()
        self._begin()

    def _begin(self) -> None:
        """Hands the head over, and decides what becomes of the body."""
        self._parts = [] if self._announced() else None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a piece of the body; one that comes after the answer is dropped, as uvicorn does it."""
        if self._parts is not None and self.cycle.response_complete:
            self._parts = None
        if self._parts is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Hands the body over."""
        parts, self._parts = self._parts, None
        if parts and not self.cycle.response_complete:
            self.cycle.body = b"".join(parts)  # type: ignore[assignment]  # `receive` makes bytes of it, which bytes are for free
        super().on_message_complete()

    def _end_head(self) -> None:
        """Trailers, which the parser calls headers, go elsewhere: who looks at `scope["headers"]` would take a key from them."""
        self.headers = self.headers.copy()

    def _announced(self) -> bool:
        if self.parser.should_upgrade():
            return False
        for name, value in self.scope["headers"]:
            if name == b"content-length":
                return value.isdigit() and len(value) <= _DIGITS and int(value) <= MAX_BODY_BYTES
        return False
