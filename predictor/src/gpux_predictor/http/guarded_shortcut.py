"""The shortcut of a model with keys, or with web pages that may ask: the same gate, without ASGI.

A request that is not let in, or comes from a page, goes the ordinary way, whose answers have all the headers.
"""

from gpux_predictor.access.gate import Gate
from gpux_predictor.http.shortcut import Shortcut
from gpux_predictor.serving.service import ModelService


class GuardedShortcut(Shortcut):
    """A connection.

    Attributes:
        gate: lets in who has a key; None where none is needed.
        origins: whether there are web pages that may ask.
    """

    gate: Gate | None
    origins: bool
    _client: str | None = None
    """Who was let in, until the answer is written."""

    def on_message_complete(self) -> None:
        """Answers who is let in; the gate of the ordinary way words the refusal of others."""
        if self._held is not None and self.gate is not None:
            self._client = client = self.gate.admitted(self.scope["headers"])
            if client is None:
                self._replay()
            elif self.gate.buckets is not None:
                policy, left = self.gate.buckets.headers(client)
                self._more = b"%b: %b\r\n%b: %b\r\n" % (*policy, *left)
        super().on_message_complete()
        self._client = None

    def _is_plain(self) -> bool:
        if self.origins and any(name == b"origin" for name, _ in self.headers):
            return False
        return super()._is_plain()

    def _replay(self) -> None:
        if self._client is not None and self.gate is not None:
            self.gate.forget(self._client)
            self._client = None
        super()._replay()


def shortcut(service: ModelService, gate: Gate | None, *, origins: bool) -> type[Shortcut]:
    """The protocol class for one model, as uvicorn's setting `http` takes it; what is not asked for costs nothing.

    Args:
        service: the model.
        gate: lets in who has a key; None where none is needed.
        origins: whether there are web pages that may ask.
    """

    def at_once(body: bytes) -> tuple[bytes, bytes] | None:
        return service.at_once(body)

    if gate is None and not origins:
        return type("Bound", (Shortcut,), {"at_once": staticmethod(at_once)})
    return type("Bound", (GuardedShortcut,), {"at_once": staticmethod(at_once), "gate": gate, "origins": origins})
