"""What is known of the notice of a task's end, and what a store is told and tells of it."""

from dataclasses import dataclass
from enum import StrEnum

CALLBACK_SECONDS = 120.0
"""After which a notice of which nothing was heard is sent again."""
CALLBACKS_OF_A_HOST = 8
"""Notices that are sent to one host at a time while others wait: one that answers slowly keeps a share of those that are sent, not all."""
CALLBACKS_KEPT_FREE = 8
"""Of those that can be sent at a time: a host that has its share gets more while so many are left for others, who come at any time."""
CALLBACKS_LOOKED_AT = 256
"""Notices among which one is looked for whose host has room: so many of the oldest that are due, and of the newest."""
NOTICE_SECONDS = 600.0
"""After the end of its task's time, a notice that is still due is nobody's any more: the manifest has no callbacks now."""


class CallbackState(StrEnum):
    """Where the notice of a task's end is."""

    WAITING = "waiting"
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Callback:
    """A notice that is due; `attempt` counts from 1, `trace` is its task's submission's."""

    id: str
    url: str
    attempt: int
    trace: str | None = None

    @property
    def host(self) -> str:
        """Whom it is for: host and port of the URL, which `callbacks.target` wrote."""
        return self.url.split("/", 3)[2].partition("?")[0]


@dataclass(frozen=True, slots=True)
class CallbackOutcome:
    """How a notice went.

    Attributes:
        again_in: seconds until the next try; None if there is none.
        error: None once it is delivered.
    """

    id: str
    attempt: int
    error: str | None = None
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class CallbackStatus:
    """What is shown of a task's notice."""

    url: str
    state: CallbackState
    attempts: int = 0
    error: str | None = None
