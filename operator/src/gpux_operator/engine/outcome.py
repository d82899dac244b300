"""How a pass over a model ended, for the queue, the log and the metrics."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Outcome:
    """How a pass ended.

    Args:
        result: a word for logs and metrics: `ready`, `progressing`, `problem`, `gone`, `deleting`.
        reason: the reason of Ready.
        retry_seconds: when to look again; None: when something changes.
        uid: of the model, for the log.
        generation: of the model, for the log.
        since: when Ready got the status that it has; None: not known.
    """

    result: str
    reason: str = ""
    retry_seconds: float | None = None
    uid: str = ""
    generation: int = 0
    since: datetime | None = None
